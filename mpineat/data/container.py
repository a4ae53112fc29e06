"""Files of named arrays: opened by what they are, not by how they are called, and read in parts."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from mpineat.data import memory
from mpineat.errors import InputError

BLOCK = 1 << 24  # bytes of an array that are read at once
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
HDF5_OFFSETS = (0, 512, 1024, 2048)  # a user block, MATLAB's for one, may come first
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
NPY_MAGIC = b"\x93NUMPY"
MATLAB_5 = b"MATLAB 5.0 MAT-file"
MATLAB_7 = b"MATLAB 7.3 MAT-file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """One array of a file, not read yet.

    Attributes:
        place: The file and the name, for messages.
        dtype: Of kind "O" only where the values are text.
        read: Yields all of it in parts along the first axis, at least one; what is damaged raises
            InputError.
    """

    name: str
    place: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], Iterator[np.ndarray]]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield it in parts along the first axis."""
        memory.require(self.nbytes, self.place, f"{self.dtype} {list(self.shape)}")
        yield from self.read()

    def whole(self) -> np.ndarray:
        """Return all of it."""
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


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """Open a file or a folder of arrays.

    A .npz archive, an HDF5 file (MATLAB's 7.3 files are some), or .npy files: all of a folder,
    each array called as its file, or those that a `*` in the file's name stands for, each called as
    what stands in its place.

    Raises:
        InputError: No such thing, or damaged.
    """
    with _door(path) as container:
        yield container


def _door(path: Path) -> AbstractContextManager[Container]:
    from mpineat.data import npy

    if "*" in path.name or path.is_dir():
        return npy.opened_folder(path)
    start = _start(path)
    if start.startswith(ZIP_MAGIC):
        return npy.opened_archive(path)
    if any(start[at:].startswith(HDF5_MAGIC) for at in HDF5_OFFSETS):
        from mpineat.data import hdf5

        return hdf5.opened(path, column_major=start.startswith(MATLAB_7))
    raise InputError(f"{path}: expected .npz, HDF5 or a folder of .npy files, found {_kind(start)}")


def _start(path: Path) -> bytes:
    """Return the first bytes of a plain file; a FIFO or a device would be read for ever."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error} (set dataset.path)"
        ) from error
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InputError(f"{path}: expected a plain file, found a pipe or a device")
        try:
            return file.read(HDF5_OFFSETS[-1] + len(HDF5_MAGIC))
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _kind(start: bytes) -> str:
    """Say what a file is instead, and what to do with it."""
    if not start:
        return "an empty file"
    if start.startswith(NPY_MAGIC):
        return "a single .npy array: images and labels are two; put both into a folder and name it"
    if start.startswith(MATLAB_5):
        return "a MATLAB file before version 7.3: in MATLAB, save(..., '-v7.3') writes HDF5"
    if start[:1] == b"\x80":
        return "a file of Python objects, which are never loaded; numpy.savez writes arrays"
    if start.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF")):
        return "an image; dataset.name: folder reads a folder of them"
    try:
        start[:256].decode()
    except UnicodeDecodeError:
        return f"bytes that begin with {start[:4].hex(' ')}"
    return "a text file; dataset.name: folder reads a .csv or .jsonl that lists image files"
