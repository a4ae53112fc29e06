"""Image files decoded once into a memory-mapped array, which all processes of a node share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import socket
import stat
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mpineat.errors import InputError, StorageError

log = logging.getLogger(__name__)

VARIABLE = "MPINEAT_CACHE"
MOST_BROKEN = 0.01
PROGRESS_SECONDS = 10.0
_AHEAD = 1 << 26  # bytes of images that are decoded before those in front of them are written

Shape = tuple[int, int, int]  # (height, width, channels)
Labelled = tuple[Path, int]
Decode = Callable[[Path], np.ndarray]


class BrokenImage(InputError):
    """A file that is no whole image: one among many may be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Images in the files' order, mapped from the cache.

    Attributes:
        x: uint8 [n, height, width, channels], without the broken files.
        broken: Index of a file that could not be read -> why.
    """

    x: np.ndarray
    broken: Mapping[int, str]


def decoded(
    files: Sequence[Labelled], shape: Shape, decode: Decode, *, name: str, folder: Path
) -> Decoded:
    """Return the images of `files`, decoded by the first process that asks; others wait and read.

    Args:
        shape: Of what `decode` returns.
        decode: BrokenImage leaves a file out, any other InputError ends all.
        name: Of this list of files; the cache's file name begins with it.
        folder: That the files are from; the cache is put there where that can be written.

    Raises:
        InputError: A file that cannot be used, more than 1 % broken, or no place for the cache.
        StorageError: The cache cannot be written.
    """
    cache = _cache_folder(folder) / f"{name}_{_fingerprint(files)}.npy"
    with _locked(cache.with_suffix(".lock")):
        if not cache.is_file():
            log.info("decoding %d images of %s into %s", len(files), folder, cache)
            try:
                _write([path for path, _ in files], shape, decode, cache)
            except OSError as error:
                raise StorageError(
                    f"{cache}: cannot be written: {error.strerror or error}; set {VARIABLE} to a "
                    "folder with room"
                ) from error
    broken = _broken(cache)
    expected = (len(files) - len(broken), *shape)
    try:
        x = np.load(cache, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{cache}: expected decoded images: {error}; remove it") from error
    if x.shape != expected or x.dtype != np.uint8:
        raise InputError(
            f"{cache}: expected uint8 {list(expected)}, found {x.dtype} {list(x.shape)}; remove it"
        )
    return Decoded(x=x, broken=broken)


def _fingerprint(files: Sequence[Labelled]) -> str:
    """Return 16 digits that change with any file's name, label, size or date."""
    digest = hashlib.sha256()
    for path, label in files:
        try:
            found = path.stat()
        except OSError as error:
            raise InputError(f"{path}: expected an image: {error.strerror or error}") from error
        if not stat.S_ISREG(found.st_mode):  # a FIFO would be waited for
            raise InputError(f"{path}: expected an image, found no plain file")
        digest.update(f"{path.name} {label} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _cache_folder(folder: Path) -> Path:
    """Return $MPINEAT_CACHE, else the data set's folder if writable, else the user's cache."""
    if named := os.environ.get(VARIABLE):
        place = Path(named)
    elif os.access(folder, os.W_OK):
        place = folder
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mpineat"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place}: cannot hold the decoded images ({error.strerror}); set {VARIABLE}"
        ) from error
    return place


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time in, where the file system has locks.

    Where it has none, several may decode at once; each writes a file of its own and renames it.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            file = stack.enter_context(path.open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(paths: Sequence[Path], shape: Shape, decode: Decode, cache: Path) -> None:
    """Write the images as one uint8 array, under another name until it is whole."""
    partial = cache.with_suffix(f".{socket.gethostname()}.{os.getpid()}.partial")
    x = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(paths), *shape))
    broken: dict[int, str] = {}
    try:
        for index, image in enumerate(_images(paths, decode, x[:1].nbytes)):
            if isinstance(image, BrokenImage):
                broken[index] = str(image)
                if len(broken) > MOST_BROKEN * len(paths):
                    raise _too_many(broken, index + 1, len(paths))
                continue
            x[index - len(broken)] = image
        x.flush()
        if broken:
            _shorten(partial, x.offset, (len(paths) - len(broken), *shape))
            beside = partial.with_suffix(".broken")
            beside.write_text(json.dumps(broken, indent=1), encoding="utf-8")
            os.replace(beside, _broken_path(cache))
        os.replace(partial, cache)
    finally:
        partial.unlink(missing_ok=True)


def _images(paths: Sequence[Path], decode: Decode, size: int) -> Iterator[np.ndarray | BrokenImage]:
    """Yield the images in order; Pillow decodes outside of Python's lock, so threads help."""

    def attempt(path: Path) -> np.ndarray | BrokenImage:
        try:
            return decode(path)
        except BrokenImage as error:
            return error

    told, cores = time.monotonic(), len(os.sched_getaffinity(0))
    ahead = max(cores, min(512, _AHEAD // size))
    with ThreadPoolExecutor(cores) as threads:
        for first in range(0, len(paths), ahead):
            yield from threads.map(attempt, paths[first : first + ahead])
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                log.info("decoded %d of %d images", min(first + ahead, len(paths)), len(paths))


def _too_many(broken: Mapping[int, str], seen: int, files: int) -> InputError:
    named = "; ".join(list(broken.values())[:3])
    return InputError(
        f"{len(broken)} of the first {seen:,} of {files:,} images are broken, more than "
        f"{MOST_BROKEN:.0%} may not be: {named}"
    )


def _shorten(path: Path, offset: int, shape: tuple[int, ...]) -> None:
    """Cut an .npy file to fewer rows; its header keeps its length."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header = text.encode().ljust(offset - 11) + b"\n"
    with path.open("r+b") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        file.truncate(offset + int(np.prod(shape, dtype=np.int64)))


def _broken_path(cache: Path) -> Path:
    return cache.with_suffix(".broken.json")


def _broken(cache: Path) -> dict[int, str]:
    path = _broken_path(cache)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return {int(index): str(reason) for index, reason in value.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: expected a list of broken images: {error}; remove it") from error
