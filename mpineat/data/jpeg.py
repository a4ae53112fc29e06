"""JPEG files decoded once into a memory-mapped array, which all processes of a node share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mpineat.data.reader import Split, damaged
from mpineat.errors import InputError, extra

log = logging.getLogger(__name__)

JPEG_START = b"\xff\xd8\xff"
CACHE_VARIABLE = "MPINEAT_CACHE"

Shape = tuple[int, int, int]  # (height, width, channels); of channels here always 3
Labelled = tuple[Path, int]


def require_pillow() -> None:
    """Raise InputError without Pillow: readers ask when opened, before a job is spent on it."""
    with extra("images"):
        import PIL  # noqa: F401


def decoded(files: Sequence[Labelled], shape: Shape, *, name: str, folder: Path) -> Split:
    """Return the images with their labels, in this order, mapped from the cache.

    The first process that asks decodes; the others wait for it and read.

    Args:
        shape: That every image must have; grey ones become RGB.
        name: Of this list of files; the cache's file name begins with it.
        folder: That the files are from; the cache is put there where that can be written.

    Raises:
        InputError: A file that is no whole JPEG image of this shape; no place for the cache.
    """
    y = np.array([label for _, label in files], np.int32)
    cache = _cache_folder(folder) / f"{name}_{_fingerprint(files)}.npy"
    with _locked(cache.with_suffix(".lock")):
        if not cache.is_file():
            log.info("decoding %d JPEG files of %s into %s", len(files), folder, cache)
            _write([path for path, _ in files], shape, cache)
    x = np.load(cache, mmap_mode="r", allow_pickle=False)
    if x.shape != (len(y), *shape) or x.dtype != np.uint8:
        raise InputError(
            f"{cache}: expected uint8 {[len(y), *shape]}, "
            f"found {x.dtype} {list(x.shape)}; remove it"
        )
    return Split(x, y)


def decode(path: Path, shape: Shape) -> np.ndarray:
    """Return the RGB image of one file, uint8.

    The bytes are those of TensorFlow's decoder with its INTEGER_ACCURATE transform: both are
    libjpeg-turbo's exact integer transform, which is the same on every CPU.

    Raises:
        InputError: No whole JPEG image of this shape.
    """
    from PIL import Image  # only the training process comes here

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not content.startswith(JPEG_START):
        start = content[:3].hex(" ") or "an empty file"
        raise damaged(path, 0, "the start of a JPEG file, ff d8 ff", start)
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            found = (image.height, image.width, 3)
            if found == shape:
                return np.asarray(image.convert("RGB"))
    except Exception as error:  # a damaged file raises almost anything
        raise damaged(path, len(content), "a whole JPEG image", str(error)) from error
    raise InputError(f"{path}: expected an image of {list(shape)}, found {list(found)}")


def _fingerprint(files: Sequence[Labelled]) -> str:
    """Return 16 digits that change with any file's name, label, size or date."""
    digest = hashlib.sha256()
    for path, label in files:
        try:
            stat = path.stat()
        except OSError as error:
            raise InputError(f"{path}: expected a JPEG file: {error.strerror or error}") from error
        digest.update(f"{path.name} {label} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _cache_folder(folder: Path) -> Path:
    """Return $MPINEAT_CACHE, else the data set's folder if writable, else the user's cache."""
    if named := os.environ.get(CACHE_VARIABLE):
        place = Path(named)
    elif os.access(folder, os.W_OK):
        place = folder
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mpineat"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place}: cannot hold the decoded images ({error.strerror}); set {CACHE_VARIABLE}"
        ) from error
    return place


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time in."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(paths: Sequence[Path], shape: Shape, cache: Path) -> None:
    """Write the images as one uint8 array, under another name until it is whole."""
    partial = cache.with_suffix(f".{os.getpid()}.partial")
    x = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(paths), *shape))
    try:
        for index, path in enumerate(paths):
            x[index] = decode(path, shape)
        x.flush()
        os.replace(partial, cache)
    finally:
        partial.unlink(missing_ok=True)
