"""MATLAB's files before version 7.3: their plain arrays of numbers, read in parts.

The format is the one that MathWorks publishes as "MAT-File Format", level 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from mpineat.data import memory
from mpineat.data.named_arrays import BLOCK, Array, Container, Entry, Unusable
from mpineat.errors import InputError

_HEADER = 128
_MATRIX, _PACKED = 14, 15
_LOGICAL, _COMPLEX = 0x02, 0x08
_MOST = 10_000  # elements of a file
_LONGEST_NAME = 256
# The type of stored values, and MATLAB's class of an array; text, cells and structs are others.
_STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"
}  # fmt: skip
_CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"
}  # fmt: skip
_DAMAGE = (OSError, EOFError, ValueError, OverflowError, MemoryError, struct.error, zlib.error)

Read = Callable[[int], bytes]


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """Open such a file; its arrays show their axes in reverse, as an HDF5 file of MATLAB does."""
    arrays: dict[str, Entry] = {}
    try:
        with path.open("rb") as file:
            order = {b"IM": "<", b"MI": ">"}[file.read(_HEADER)[126:]]
            while len(arrays) < _MOST and (tag := file.read(8)):
                kind, size = struct.unpack(f"{order}2I", tag)
                begin = file.tell()
                name, entry = _entry(path, begin, order, packed=kind == _PACKED, kind=kind)
                arrays[name] = entry
                file.seek(begin + size)
    except KeyError as error:
        raise InputError(
            f"{path}: expected a MATLAB file: its order of bytes is missing"
        ) from error
    except _DAMAGE as error:
        raise InputError(f"{path}: expected a whole MATLAB file: {_said(error)}") from error
    yield Container(path=path, arrays=arrays, column_major=True)


def _entry(path: Path, begin: int, order: str, *, packed: bool, kind: int) -> tuple[str, Entry]:
    """Read the head of an element that begins at this byte."""
    with _reading(path, begin, packed) as read:
        if packed:
            kind, _ = struct.unpack(f"{order}2I", read(8))
        if kind != _MATRIX:
            raise ValueError(f"an element of type {kind} at byte {begin}")
        flags = _small(read, order)
        dimensions = _small(read, order)
        shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)[::-1]
        name = _small(read, order).decode("latin-1") or f"array at byte {begin}"
        (first,) = struct.unpack(f"{order}I", flags[:4])
        place = f"{path}: {name}"
        own = _CLASSES.get(first & 0xFF)
        if own is None or (first >> 8) & _COMPLEX:
            reason = "expected plain numbers, found text, cells, a struct, or complex numbers"
            return name, Unusable(name=name, place=place, reason=reason)
        stored, size, _ = _tag(read, order)
        if stored not in _STORED or min(shape) < 0:
            raise ValueError(f"{name}: values of type {stored}, shape {shape}")
    kept = np.dtype(order + _STORED[stored])
    dtype = np.dtype(bool if (first >> 8) & _LOGICAL else own)
    if math.prod(shape) * kept.itemsize != size:
        reason = (
            f"expected {math.prod(shape) * kept.itemsize} bytes for {list(shape)}, found {size}"
        )
        return name, Unusable(name=name, place=place, reason=reason)
    blocks = partial(_blocks, path, place, begin, order, packed, shape, kept, dtype)
    return name, Array(name=name, file=path, place=place, shape=shape, dtype=dtype, blocks=blocks)


def _blocks(
    path: Path,
    place: str,
    begin: int,
    order: str,
    packed: bool,
    shape: tuple[int, ...],
    kept: np.dtype,
    dtype: np.dtype,
) -> Iterator[np.ndarray]:
    row = math.prod(shape[1:]) * kept.itemsize
    memory.require(row, place, f"{kept} {list(shape[1:])}")
    rows = max(1, BLOCK // max(1, row))
    try:
        with _reading(path, begin, packed) as read:
            if packed:
                read(8)
            for _ in range(3):
                _small(read, order)
            if content := _tag(read, order)[2]:
                yield np.frombuffer(content, kept).reshape(shape).astype(dtype)
                return
            for first in range(0, max(shape[0], 1), rows):
                part = (min(rows, shape[0] - first), *shape[1:])
                content = read(math.prod(part) * kept.itemsize)
                yield np.frombuffer(content, kept).reshape(part).astype(dtype)
    except _DAMAGE as error:
        raise InputError(f"{place}: expected a whole array: {_said(error)}") from error


@contextmanager
def _reading(path: Path, begin: int, packed: bool) -> Iterator[Read]:
    """Give a function that returns the next so many bytes of an element, unpacked."""
    with path.open("rb") as file:
        file.seek(begin)
        yield partial(_unpacked, file, zlib.decompressobj()) if packed else partial(_plain, file)


def _plain(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise EOFError("the file ends too early")
    return content


def _unpacked(file: IO[bytes], stream: zlib._Decompress, size: int) -> bytes:
    parts = []
    while size:
        content = stream.unconsumed_tail or file.read(1 << 16)
        part = stream.decompress(content, size)
        if not part and (stream.eof or not content):
            raise EOFError("the packed values end too early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _tag(read: Read, order: str) -> tuple[int, int, bytes]:
    """Return type, size, and the content where it is so small that it lies in the tag."""
    kind, size = struct.unpack(f"{order}2I", tag := read(8))
    if kind >> 16:
        return kind & 0xFFFF, kind >> 16, tag[4 : 4 + (kind >> 16)]
    return kind, size, b""


def _small(read: Read, order: str) -> bytes:
    """Return the content of an element that is a name, flags or extents."""
    _, size, content = _tag(read, order)
    if content:
        return content
    if size > _LONGEST_NAME:
        raise ValueError(f"a name or a shape of {size} bytes")
    return read(-(-size // 8) * 8)[:size]


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
