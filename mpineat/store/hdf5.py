"""Arrays and attributes as one sealed HDF5 file and back; the only place that knows HDF5.

HDF5 works in memory alone: files are read and written whole by plain system calls, so that locks
which a parallel file system lacks do not matter and a full disk is an ordinary error. In front of
the data stands HDF5's own user block of 512 bytes, which every HDF5 tool skips: a text with the
length and the SHA-256 of the file. It is checked before HDF5 parses a byte, because HDF5 crashes or
hangs on some damaged files and checks no metadata.
"""

from __future__ import annotations

import errno
import hashlib
import io
import math
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mpineat import files
from mpineat.errors import InputError, StorageError
from mpineat.store import directory

FORMAT = "mpineat-generation"
FORMAT_VERSION = 1
SEAL_BYTES = 512
CHUNK_BYTES = 1 << 20
LARGEST_CONTENT = 2 << 30  # of 100,000 genomes: 0.2 GB
DEEPEST = 2  # groups in groups
_HDF5_ERRORS = (OSError, RuntimeError, LookupError, ValueError, TypeError, MemoryError)
_LABEL = b"sha256 of the lines above and of all behind byte 512: "
Attributes = Mapping[str, str | int | float | bool]
Array = np.ndarray[Any, np.dtype[Any]]


class Damaged(InputError):
    """A sealed file whose bytes are not those that were written."""


def pack(
    attributes: Attributes, arrays: Mapping[str, Array], form: str = FORMAT
) -> tuple[bytes, str]:
    """Return the file's bytes and its content_sha256.

    Args:
        form: What the file says that it is.
        arrays: Path in the file -> a table (structured, of one dimension) or numbers of any shape.
    """
    digest = content_sha256(attributes, arrays)
    buffer = io.BytesIO()
    # Bounds of the file format that HDF5 1.8 of an old cluster still reads.
    with h5py.File(buffer, "w", libver=("v108", "v108"), userblock_size=SEAL_BYTES) as file:
        file.attrs["format"] = form
        file.attrs["format_version"] = FORMAT_VERSION
        for name, value in attributes.items():
            file.attrs[name] = value
        file.attrs["content_sha256"] = digest
        for path, array in arrays.items():
            if array.dtype.names:
                data, kind = array.astype(_labelled(array.dtype)), _file_type(array.dtype)
                file.create_dataset(path, data=data, dtype=kind, maxshape=(None,), **_stored(array))
            elif array.size and array.ndim:
                file.create_dataset(path, data=array, **_stored(array))
            else:  # HDF5 has no chunks of nothing
                file.create_dataset(path, data=array)
    body = buffer.getbuffer()[SEAL_BYTES:]
    head = _head(FORMAT_VERSION, SEAL_BYTES + len(body), form)
    return b"".join((_seal(head, body), body)), digest


def unpack(
    path: Path, only: Collection[str] | None = None, form: str = FORMAT
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the attributes and arrays that pack put into the file at `path`.

    Args:
        only: The arrays to read; the seal is checked in any case, the digest of all for None.
        form: What the file must say that it is.

    Raises:
        Damaged: A byte has changed.
        InputError: Whole, but of a newer version, not to be opened by this HDF5, or with parts that
            lie outside the file.
        StorageError: It cannot be read, after several tries.
    """
    try:
        data = directory.patiently(lambda path: _read(path, form), path)
    except FileNotFoundError as error:  # it was listed a moment ago
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            attributes = {
                name: value.item() if hasattr(value, "item") else value
                for name, value in file.attrs.items()
            }
            # Of no dimension too, and in its own byte order.
            arrays = {name: dataset[...] for name, dataset in _datasets(file, path, only)}
    except _HDF5_ERRORS as error:
        # Its bytes are those that were written, so it is not damaged.
        what = " ".join(str(error).split())
        raise InputError(f"{path}: its seal is right, but HDF5 cannot read it: {what}") from error
    found = attributes.pop("content_sha256", None)
    rest = {
        name: value
        for name, value in attributes.items()
        if name not in ("format", "format_version")
    }
    if only is None and found != content_sha256(rest, arrays):
        raise Damaged(f"{path}: damaged: its content is not that of its content_sha256")
    return attributes | {"content_sha256": found}, arrays


def _datasets(
    file: h5py.File, path: Path, only: Collection[str] | None
) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield the datasets in the file by their paths in it.

    Raises:
        InputError: One does not lie in the file itself, or is larger than any that mpineat writes.
    """
    groups = [("", file)]
    room = LARGEST_CONTENT
    while groups:
        prefix, group = groups.pop()
        for key in group:
            name = f"{prefix}{key}"
            if type(group.get(key, getlink=True)) is not h5py.HardLink:
                raise InputError(f"{path}: {name!r} is a link; mpineat writes none: not read")
            if only is not None and not any(one.startswith(name) for one in only):
                continue
            item = group[key]
            if isinstance(item, h5py.Group) and prefix.count("/") < DEEPEST:
                groups.append((f"{name}/", item))
                continue
            if not isinstance(item, h5py.Dataset) or item.dtype.hasobject:
                raise InputError(f"{path}: {name!r} is nothing that mpineat writes: not read")
            if item.external or item.is_virtual:
                raise InputError(f"{path}: the data of {name!r} lie in another file: not read")
            room -= item.size * item.dtype.itemsize
            if room < 0:
                raise InputError(f"{path}: holds more than {LARGEST_CONTENT:,} bytes: not read")
            yield name, item


def content_sha256(attributes: Attributes, arrays: Mapping[str, Array]) -> str:
    """Return the digest of attributes and arrays, whatever HDF5 makes of their layout."""
    digest = hashlib.sha256()
    for name, value in sorted(attributes.items()):
        digest.update(f"{name}={value!r}\n".encode())
    for path, array in sorted(arrays.items()):
        if array.dtype.names:
            kinds = [(name, array.dtype[name].str) for name in array.dtype.names]
            digest.update(f"{path} {kinds} {len(array)}\n".encode())
        else:
            digest.update(f"{path} {array.dtype.str} {array.shape}\n".encode())
        flat = np.ascontiguousarray(array).reshape(-1)
        digest.update(flat.view(np.uint8).data if flat.size else b"")
    return digest.hexdigest()


def _stored(array: Array) -> dict[str, Any]:
    """Return how an array lies in the file: in chunks of whole rows, compressed, with checksums."""
    row_bytes = array.dtype.itemsize * math.prod(array.shape[1:])
    rows = max(1, min(len(array), CHUNK_BYTES // row_bytes))
    return {
        "chunks": (rows, *array.shape[1:]),
        "compression": "gzip",
        "shuffle": True,
        "fletcher32": True,
    }


def _labelled(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype with its texts marked as UTF-8."""
    kinds = [(name, dtype[name]) for name in dtype.names or ()]
    return np.dtype(
        [(n, h5py.string_dtype("utf-8", k.itemsize) if k.kind == "S" else k) for n, k in kinds]
    )


def _file_type(dtype: np.dtype[Any]) -> h5py.Datatype:
    """Return the type in the file: as h5py makes it, but with texts that end at their zero.

    h5dump shows those as they are; h5py's own with every zero of the padding.
    """
    labelled = _labelled(dtype)
    compound = h5py.h5t.create(h5py.h5t.COMPOUND, dtype.itemsize)
    for name, (kind, offset, *_) in (labelled.fields or {}).items():
        member = h5py.h5t.py_create(kind, logical=True)
        if kind.kind == "S":
            member.set_strpad(h5py.h5t.STR_NULLTERM)
        compound.insert(name.encode(), offset, member)
    return h5py.Datatype(compound)


def _head(version: int, size: int, form: str = FORMAT) -> bytes:
    return (
        f"{form} {version}\n"
        "An HDF5 file behind a text of 512 bytes: h5dump, h5py and others open it as it is.\n"
        f"bytes {size}\n"
    ).encode()


def _seal(head: bytes, body: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(body)
    return (head + _LABEL + digest.hexdigest().encode() + b"\n").ljust(SEAL_BYTES)


def _read(path: Path, form: str) -> bytes:
    """Read a file no further than its seal says, however long damage has made it."""
    with open(path, "rb", opener=files.unlinked) as file:
        seal = file.read(SEAL_BYTES)
        size = os.fstat(file.fileno()).st_size
        head, label, _ = seal.partition(_LABEL)
        name, _, version = head.partition(b"\n")[0].partition(b" ")
        if seal.startswith(b"\x89HDF\r\n\x1a\n"):
            raise Damaged(f"{path}: damaged: an HDF5 file without the seal of mpineat")
        if not label or not head.endswith(f"\nbytes {size}\n".encode()):
            raise Damaged(f"{path}: damaged: its {size} bytes do not match its seal")
        body = file.read()
        if len(seal) + len(body) < size:
            raise OSError(errno.EIO, f"only {len(seal) + len(body)} of {size} bytes came")
    if name != form.encode() or not version.isdigit() or seal != _seal(head, body):
        raise Damaged(f"{path}: damaged: its {size} bytes do not match its seal")
    if int(version) > FORMAT_VERSION:
        raise InputError(
            f"{path}: format version {int(version)} was written by a newer mpineat; "
            f"this one reads versions up to {FORMAT_VERSION}: install the newer one"
        )
    return seal + body
