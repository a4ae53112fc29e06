"""Files of named arrays: opened by what they are, not by how they are called, and read in parts."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from mpineat.data.named_arrays import Container
from mpineat.errors import InputError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
HDF5_OFFSETS = (0, 512, 1024, 2048)  # a user block, MATLAB's for one, may come first
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
NPY_MAGIC = b"\x93NUMPY"
MATLAB_5 = b"MATLAB 5.0 MAT-file"
MATLAB_7 = b"MATLAB 7.3 MAT-file"


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """Open a file or a folder of arrays.

    A .npz archive, an HDF5 file (MATLAB's 7.3 files are some), an older file of MATLAB, or .npy
    files: all of a folder, each array called as its file, or those that a `*` in the file's name
    stands for, each called as what stands in its place.

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
    if start.startswith(MATLAB_5):
        from mpineat.data import matlab5

        return matlab5.opened(path)
    raise InputError(
        f"{path}: expected .npz, HDF5, .mat or a folder of .npy files, found {_kind(start)}"
    )


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
    if start[:1] == b"\x80":
        return "a file of Python objects, which are never loaded; numpy.savez writes arrays"
    if start.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF")):
        return "an image; dataset.name: folder reads a folder of them"
    try:
        start[:256].decode()
    except UnicodeDecodeError:
        return f"bytes that begin with {start[:4].hex(' ')}"
    return "a text file; dataset.name: folder reads a .csv or .jsonl that lists image files"
