"""NumPy's files: .npz archives and folders of .npy, headers first, content in parts."""

from __future__ import annotations

import io
import lzma
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from mpineat.data import memory, plain_pickle
from mpineat.data.named_arrays import BLOCK, Array, Container, Deferred, Entry, Unusable
from mpineat.errors import InputError

_LONGEST_HEADER = 1 << 16
_DAMAGE = (
    ValueError,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted member
    NotImplementedError,  # a packing that this Python has not
    MemoryError,
    OverflowError,
    RecursionError,
    KeyError,
    IndexError,
    TypeError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
)

Opener = Callable[[], IO[bytes]]


@contextmanager
def opened_archive(path: Path) -> Iterator[Container]:
    """Open a .npz archive."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            members = archive.infolist()
        except _DAMAGE as error:
            raise InputError(f"{path}: expected a whole .npz archive: {error}") from error
        arrays: dict[str, Entry] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            place = f"{path}: {name}"
            if name == member.filename:
                arrays[name] = Unusable(
                    name=name, place=place, reason=f"expected a member called {name}.npy"
                )
                continue
            opener = partial(archive.open, member)
            arrays[name] = _array(name, path, place, opener, member.file_size)
        yield Container(path=path, arrays=arrays)


@contextmanager
def opened_folder(path: Path) -> Iterator[Container]:
    """Open the .npy files of a folder, or those of a pattern with one `*` in the file's name."""
    before, star, behind = path.name.partition("*")
    folder, pattern = (path.parent, path.name) if star else (path, "*.npy")
    found = sorted(file for file in folder.glob(pattern) if file.suffix == ".npy")
    if not found:
        raise InputError(
            f"{path}: expected .npy files such as x.npy and y.npy, found none; "
            "dataset.name: folder reads a folder of image files"
        )
    arrays: dict[str, Entry] = {}
    for file in found:
        name = file.name[len(before) : len(file.name) - len(behind)] if star else file.stem
        if not file.is_file():  # a FIFO would be waited for
            arrays[name] = Unusable(name=name, place=str(file), reason="expected a plain file")
            continue
        opener = partial(io.FileIO, file)
        arrays[name] = _array(name, file, str(file), opener, file.stat().st_size)
    yield Container(path=path, arrays=arrays)


def _array(name: str, path: Path, place: str, opener: Opener, size: int) -> Entry:
    """Read an array's header alone.

    Args:
        size: Bytes of the .npy file or member, header included.
    """
    try:
        with opener() as file:
            shape, fortran, dtype, start = _header(file)
    except Exception as error:  # a damaged header raises almost anything
        reason = f"expected a whole .npy array: {_said(error)}"
        return Unusable(name=name, place=place, reason=reason)
    if dtype.kind == "O":
        return Deferred(
            name=name,
            place=place,
            load=partial(_of_objects, name, path, place, opener, start, size),
        )
    declared = math.prod(shape) * dtype.itemsize
    if start + declared != size:
        return Unusable(
            name=name,
            place=place,
            reason=f"expected {start + declared} bytes for {dtype} {list(shape)}, found {size}",
        )
    return Array(
        name=name,
        file=path,
        place=place,
        shape=shape,
        dtype=dtype,
        blocks=partial(_blocks, place, opener, start, shape, fortran, dtype),
        start=start if place == str(path) and not fortran else None,
    )


def _of_objects(name: str, path: Path, place: str, opener: Opener, start: int, size: int) -> Array:
    """Read an array of Python objects where they are plain texts, numbers or arrays."""
    memory.require(size, place, "a pickle")
    try:
        with opener() as file:
            value = plain_pickle.read(_exactly(file, size)[start:])
    except _DAMAGE as error:  # DamagedPickle is a ValueError
        raise InputError(
            f"{place}: expected numbers or text, found Python objects, of which only plain ones "
            f"are read: {_said(error)}"
        ) from error
    if not isinstance(value, np.ndarray):
        raise InputError(f"{place}: expected an array, found {type(value).__name__}")
    return Array(
        name=name,
        file=path,
        place=place,
        shape=value.shape,
        dtype=value.dtype,
        blocks=lambda: iter((value,)),
    )


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return shape, order, type, and where the content begins."""
    # As much as any header that numpy writes for plain arrays; numpy itself limits what it parses.
    start = io.BytesIO(file.read(_LONGEST_HEADER))
    version = np.lib.format.read_magic(start)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(start)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(start)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} of the format")
    if any(type(extent) is not int or extent < 0 for extent in shape):
        raise ValueError(f"shape {shape}")
    return shape, fortran, dtype, start.tell()


def _blocks(
    place: str, opener: Opener, start: int, shape: tuple[int, ...], fortran: bool, dtype: np.dtype
) -> Iterator[np.ndarray]:
    row = math.prod(shape[1:]) * dtype.itemsize
    # Columns that lie one after another can be turned only as a whole.
    whole = fortran or not shape or not row
    rows = max(1, shape[0] if whole and shape else BLOCK // max(row, 1)) if shape else 1
    memory.require(rows * row, place, f"{dtype} {list(shape)}")
    try:
        with opener() as file:
            file.seek(start) if file.seekable() else file.read(start)
            for first in range(0, max(shape[0] if shape else 1, 1), rows):
                count = min(rows, shape[0] - first) if shape else 1
                part = (count, *shape[1:]) if shape else ()
                content = _exactly(file, math.prod(part) * dtype.itemsize)
                yield np.frombuffer(content, dtype).reshape(part, order="F" if fortran else "C")
            file.read(1)  # the end of a member: its checksum is compared
    except _DAMAGE as error:
        raise InputError(f"{place}: expected a whole .npy array: {_said(error)}") from error


def _exactly(file: IO[bytes], size: int) -> bytes:
    parts = []
    while size:
        part = file.read(min(size, BLOCK))
        if not part:
            raise EOFError(f"{size} bytes short")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _said(error: BaseException) -> str:
    """Return one line; numpy's own may advise to load what must not be loaded."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]} ..."
