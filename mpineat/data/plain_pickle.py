"""Pickles of plain values and arrays, read without calling anything that they name.

A foreign pickle may run any code, and numpy trusts the state that it is given. So the few names
that arrays need stand here for values of our own, which check what they are told.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any, ClassVar

import numpy as np

from mpineat.data import memory


class _Type:
    """Stands for a numpy.dtype while a pickle is read."""

    def __init__(self, code: object, *_: object) -> None:
        self.code, self.order = code, "|"

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 8 or state[3:5] != (None, None):
            raise pickle.UnpicklingError("a type with fields, which no images need")
        self.order = _text(state[1])

    @property
    def numpy(self) -> np.dtype:
        """The type, where it is of numbers, text or objects."""
        found = np.dtype(self.order + _text(self.code))
        if found.kind not in "biufSUO":
            raise pickle.UnpicklingError(f"{found}, which no images need")
        return found


class _Array:
    """Stands for a numpy.ndarray while a pickle is read."""

    def __init__(self, *_: object) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Type):
            raise pickle.UnpicklingError("an array without its state")
        _, shape, kind, fortran, content = state
        dtype = kind.numpy
        if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
            raise pickle.UnpicklingError(f"an array of shape {shape!r}")
        if dtype.kind == "O":
            if not isinstance(content, list) or len(content) != math.prod(shape):
                raise pickle.UnpicklingError("an array without its values")
            flat = _stacked([_plain(item) for item in content])
            if fortran and len(shape) > 1:
                raise pickle.UnpicklingError("an array of objects in columns")
            self.value = flat.reshape(*shape, *flat.shape[1:])
            return
        if not isinstance(content, bytes) or len(content) != math.prod(shape) * dtype.itemsize:
            raise pickle.UnpicklingError("an array of another size than its content")
        flat = np.frombuffer(content, dtype)
        self.value = flat.reshape(shape, order="F" if fortran else "C")


class _Reader(pickle.Unpickler):
    # numpy.core became numpy._core in numpy 2; older files carry the old name.
    ALLOWED: ClassVar[dict[tuple[str, str], Any]] = {
        (f"numpy.{core}.multiarray", name): value
        for core in ("core", "_core")
        for name, value in (
            ("_reconstruct", _Array),
            ("scalar", lambda kind, content: np.frombuffer(content, kind.numpy)[0].item()),
        )
    } | {
        ("numpy", "ndarray"): "ndarray",
        ("numpy", "dtype"): _Type,
        # How Python 3 writes bytes for Python 2.
        ("_codecs", "encode"): lambda text, _: text.encode("latin-1"),
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name; pickle calls it."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}, which no images need")
        return self.ALLOWED[module, name]


class DamagedPickle(ValueError):
    """No pickle of plain values and arrays; `offset` is where reading stopped."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def read(content: bytes) -> Any:
    """Return what a pickle holds, arrays as arrays; strings of Python 2 come as bytes.

    Raises:
        DamagedPickle: Damage, or anything but plain values and arrays.
    """
    stream = io.BytesIO(content)
    try:
        return _plain(_Reader(stream, encoding="bytes").load())
    except Exception as error:  # a damaged pickle raises almost anything
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DamagedPickle(said, stream.tell()) from error


def _plain(value: Any) -> Any:
    """Return a value with arrays in the place of what stood for them."""
    if isinstance(value, _Array):
        if value.value is None:
            raise pickle.UnpicklingError("an array without its state")
        return value.value
    if isinstance(value, _Type):
        raise pickle.UnpicklingError("a type, where values were expected")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return value


def _stacked(values: list[Any]) -> np.ndarray:
    """Return one array of values of one kind: [n] of numbers or texts, [n, ...] of arrays."""
    if values and all(isinstance(value, np.ndarray) for value in values):
        first = values[0]
        if any(value.shape != first.shape or value.dtype != first.dtype for value in values):
            raise pickle.UnpicklingError("arrays of several shapes or types")
        memory.require(len(values) * first.nbytes, "a pickle", "arrays")
        return np.stack(values)
    if len({type(value) for value in values}) > 1 or not all(
        isinstance(value, (bool, int, float, str, bytes)) for value in values
    ):
        raise pickle.UnpicklingError("values of several kinds")
    return np.array(values)


def _text(value: object) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)
