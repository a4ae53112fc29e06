"""HDF5 files of images: every array of every group by its path, and nothing of any other file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mpineat.data import memory
from mpineat.data.named_arrays import BLOCK, Array, Container, Entry, Unusable
from mpineat.errors import InputError

_DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError, OverflowError)
_DEEPEST = 8  # groups in groups; a link may lead round in a circle
_MOST = 10_000  # names


@contextmanager
def opened(path: Path, *, column_major: bool) -> Iterator[Container]:
    """Open an HDF5 file; `column_major` says that MATLAB wrote it."""
    try:
        # Some clusters' file systems have no locks, and nobody writes while we read.
        file = h5py.File(path, "r", locking=False)
    except _DAMAGE as error:
        raise InputError(f"{path}: expected a whole HDF5 file: {_said(error)}") from error
    with file:
        arrays: dict[str, Entry] = {}
        _walk(file, "", path, arrays, _DEEPEST)
        yield Container(path=path, arrays=arrays, column_major=column_major)


def _walk(group: Any, prefix: str, path: Path, arrays: dict[str, Entry], depth: int) -> None:
    try:
        names = [] if not depth else list(group)
    except _DAMAGE as error:
        arrays[prefix or "/"] = _unusable(path, prefix or "/", f"damaged group: {_said(error)}")
        return
    for last in names[:_MOST]:
        if len(arrays) >= _MOST:
            return
        name = f"{prefix}{last}"
        if last == "#refs#":  # MATLAB's own cells and texts
            continue
        try:
            link = group.get(last, getlink=True)
            if not isinstance(link, h5py.HardLink):
                arrays[name] = _unusable(path, name, _of_a_link(link))
                continue
            item = group[last]
            if isinstance(item, h5py.Group):
                _walk(item, f"{name}/", path, arrays, depth - 1)
            else:
                arrays[name] = _array(path, name, item)
        except _DAMAGE as error:
            arrays[name] = _unusable(path, name, f"expected a whole array: {_said(error)}")


def _of_a_link(link: Any) -> str:
    if isinstance(link, h5py.ExternalLink):
        return f"leads to another file, {link.filename!r}, which is never opened; copy it in here"
    return (
        f"is a soft link to {getattr(link, 'path', '?')!r}; name what it leads to in dataset.arrays"
    )


def _array(path: Path, name: str, item: Any) -> Array | Unusable:
    if not isinstance(item, h5py.Dataset):
        return _unusable(path, name, "expected an array, found a named type")
    if item.external:
        files = ", ".join(repr(str(entry[0])) for entry in item.external)
        return _unusable(path, name, f"lies in other files, {files}, which are never opened")
    if item.is_virtual:
        files = ", ".join(repr(source.file_name) for source in item.virtual_sources()[:3])
        return _unusable(path, name, f"lies in other files, {files}, which are never opened")
    if item.shape is None:
        return _unusable(path, name, "expected values, found an array without any (null)")
    text = h5py.check_string_dtype(item.dtype) is not None
    if item.dtype.hasobject and not text:
        return _unusable(path, name, "expected numbers or text, found references or lists")
    return Array(
        name=name,
        file=path,
        place=f"{path}: {name}",
        shape=tuple(item.shape),
        dtype=item.dtype,
        blocks=partial(_blocks, path, name, item, text),
        start=_start(path, item),
    )


def _start(path: Path, item: Any) -> int | None:
    """Return where in the file the values lie as they are, if they do and are all there."""
    start = item.id.get_offset()  # None where they are in chunks, or nowhere
    if start is None or start + item.nbytes > path.stat().st_size:
        return None
    return int(start)


def _blocks(path: Path, name: str, item: Any, text: bool) -> Iterator[np.ndarray]:
    if not item.shape:
        raise InputError(f"{path}: {name}: expected an array, found a single value")
    chunk = math.prod(item.chunks or ()) * item.dtype.itemsize
    row = max(1, math.prod(item.shape[1:]) * item.dtype.itemsize)
    rows = max(1, BLOCK // row)
    if item.chunks:  # whole chunks: each is unpacked once
        rows = -(-rows // item.chunks[0]) * item.chunks[0]
    memory.require(max(chunk, min(rows, item.shape[0]) * row), f"{path}: {name}", "a chunk")
    try:
        for first in range(0, max(item.shape[0], 1), rows):
            part = item[first : first + rows]
            yield _texts(part) if text else part
    except _DAMAGE as error:
        raise InputError(f"{path}: {name}: expected a whole array: {_said(error)}") from error


def _texts(part: Any) -> np.ndarray:
    flat = [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in np.asarray(part).reshape(-1)
    ]
    return np.asarray(np.array(flat, dtype=np.str_).reshape(np.shape(part)))


def _unusable(path: Path, name: str, reason: str) -> Unusable:
    return Unusable(name=name, place=f"{path}: {name}", reason=reason)


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]} ..."
