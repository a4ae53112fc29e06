"""Memory: named arrays of numbers as an immutable value that can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_NAME = re.compile(r"[A-Za-z0-9_-]+")  # HDF5 reads more into a dot and a slash
_NUMBERS = "biufc"  # numpy's letters for truth values and for all kinds of numbers


class Memory(Mapping[str, NDArray[Any]]):
    """What a strategy knows beside the populations.

    Equal to another where names, types, shapes and all bits are: NaN equals itself here.
    """

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Mapping[str, ArrayLike] | None = None) -> None:
        """Take copies that nobody can write to.

        Raises:
            ValueError: A name that a file cannot hold.
            TypeError: An array that is not of numbers.
        """
        if isinstance(arrays, Memory):
            self._arrays: Mapping[str, NDArray[Any]] = arrays._arrays
            return
        self._arrays = {name: _frozen(name, array) for name, array in (arrays or {}).items()}

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.keys() == other.keys() and all(
            (array.dtype, array.shape) == (found.dtype, found.shape)
            and array.tobytes() == found.tobytes()
            for array, found in ((self[name], np.asarray(other[name])) for name in self)
        )

    __hash__ = None  # type: ignore[assignment]  # as large as it may be, nothing looks it up

    def __repr__(self) -> str:
        return f"Memory({self._arrays!r})"


def _frozen(name: str, array: ArrayLike) -> NDArray[Any]:
    if not _NAME.fullmatch(name):
        raise ValueError(f"memory {name!r}: expected a name of letters, digits, _ and -")
    copy = np.array(array)
    if copy.dtype.kind not in _NUMBERS:
        raise TypeError(f"memory {name!r}: expected numbers, found {copy.dtype}")
    copy.flags.writeable = False
    return copy
