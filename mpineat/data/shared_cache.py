"""Arrays of images that one process makes once, and all processes of a node then share."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import shutil
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np

from mpineat import units
from mpineat.data.rows import Images, Rows
from mpineat.errors import InputError, StorageError

VARIABLE = "MPINEAT_CACHE"
LARGE = 1 << 28  # bytes of images; below, every process reads them into its own memory
_HEAD = 128  # bytes before the first image


def folder(beside: Path) -> Path:
    """Return $MPINEAT_CACHE, else the data set's folder if writable, else the user's cache."""
    if named := os.environ.get(VARIABLE):
        place = Path(named)
    elif os.access(beside, os.W_OK):
        place = beside
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mpineat"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place}: cannot hold the decoded images ({error.strerror}); set {VARIABLE}"
        ) from error
    return place


def made(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make the file of this path unless it is there; others wait for the first one.

    Args:
        write: Takes the path of a file that is renamed when it is whole.

    Raises:
        StorageError: It cannot be written.
    """
    with _locked(path.with_suffix(".lock")):
        if path.is_file():
            return
        partial = path.with_suffix(f".{socket.gethostname()}.{os.getpid()}.partial")
        try:
            write(partial)
            os.replace(partial, path)
        except OSError as error:
            raise StorageError(
                f"{path}: cannot be written: {error.strerror or error}; set {VARIABLE} to a "
                "folder with room"
            ) from error
        finally:
            partial.unlink(missing_ok=True)


def require_room(place: Path, wanted: int, what: str) -> None:
    """Raise InputError where `wanted` bytes are more than the folder's disk has left."""
    free = shutil.disk_usage(place).free
    if wanted > free:
        raise InputError(
            f"{what}: needs {units.count(wanted)}B in {place}, where {units.count(free)}B are "
            f"free; set {VARIABLE} to a folder with room"
        )


def write_images(path: Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
    """Write uint8 images as an .npy file; `shape` says of how many at most."""
    # Plain writes: on a full disk they are an error, where a mapped file ends the process.
    with path.open("wb") as file:
        _write_header(file, shape)
        count = 0
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)
            count += len(block)
        file.seek(0)
        _write_header(file, (count, *shape[1:]))
        file.flush()
        os.fsync(file.fileno())


def images(path: Path, shape: tuple[int, ...]) -> Images:
    """Return the images of an .npy file: a few of them read, many left where they are.

    Raises:
        InputError: It holds anything but uint8 of this shape.
    """
    try:
        x = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected decoded images: {error}; remove it") from error
    if x.shape != shape or x.dtype != np.uint8:
        raise InputError(
            f"{path}: expected uint8 {list(shape)}, found {x.dtype} {list(x.shape)}; remove it"
        )
    return Rows((x,)) if x.nbytes > LARGE else np.array(x)


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether uint8 images of this shape are left in their file."""
    return math.prod(shape) > LARGE


def _write_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the head of an .npy file, of one length whatever the shape."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    content = text.encode().ljust(_HEAD - 11) + b"\n"
    file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(content)) + content)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time in, where the file system has locks.

    Where it has none, several may work at once; each writes a file of its own and renames it.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context(path.open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
