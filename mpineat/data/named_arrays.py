"""The arrays of one file by their names, none of them read yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from mpineat.data import memory
from mpineat.errors import InputError

BLOCK = 1 << 24  # bytes of an array that are read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """One array of a file, not read yet.

    Attributes:
        file: That it is from.
        place: The file and the name, for messages.
        dtype: Of kind "O" only where the values are text.
        blocks: Yields all of it in parts along the first axis, at least one; what is damaged raises
            InputError.
        start: Where in the file all its values lie one behind another as they are; None: they do
            not.
    """

    name: str
    file: Path
    place: str
    shape: tuple[int, ...]
    dtype: np.dtype
    blocks: Callable[[], Iterator[np.ndarray]]
    start: int | None = None

    def whole(self) -> np.ndarray:
        """Return all of it."""
        memory.require(self.nbytes, self.place, f"{self.dtype} {list(self.shape)}")
        return np.concatenate(list(self.blocks()))

    @property
    def nbytes(self) -> int:
        """Bytes that it declares to hold."""
        size = self.dtype.itemsize
        for extent in self.shape:
            size *= extent
        return size


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A name behind which there is nothing that may be read: an error once it is needed."""

    name: str
    place: str
    reason: str

    def refuse(self) -> NoReturn:
        """Raise InputError."""
        raise InputError(f"{self.place}: {self.reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """An array whose shape is known only once it is read."""

    name: str
    place: str
    load: Callable[[], Array]


Entry = Array | Deferred | Unusable


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The arrays of one file, in its order.

    Attributes:
        column_major: MATLAB's axes: h5py shows them in reverse.
    """

    path: Path
    arrays: Mapping[str, Entry]
    column_major: bool = False

    def array(self, name: str) -> Array:
        """Return the array of this name.

        Raises:
            InputError: There is none, or none that may be read.
        """
        found = self.arrays.get(name)
        if found is None:
            raise InputError(
                f"{self.path}: expected an array {name!r}, found {self.names()}; "
                "dataset.arrays says which is which"
            )
        if isinstance(found, Unusable):
            found.refuse()
        return found.load() if isinstance(found, Deferred) else found

    def names(self) -> str:
        """Return what there is, for messages."""
        shown = sorted(self.arrays)[:12]
        return ", ".join(shown) + (", ..." if len(self.arrays) > len(shown) else "") or "nothing"
