"""Image files decoded once into one array, which all processes of a node share."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mpineat.data import shared_cache
from mpineat.data.rows import Images
from mpineat.errors import InputError

log = logging.getLogger(__name__)

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
    """Images in the files' order, from the cache.

    Attributes:
        x: uint8 [n, height, width, channels], without the broken files.
        broken: Index of a file that could not be read -> why.
    """

    x: Images
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
    place = shared_cache.folder(folder)
    cache = place / f"{name}_{_fingerprint(files)}.npy"

    def write(partial: Path) -> None:
        log.info("decoding %d images of %s into %s", len(files), folder, cache)
        wanted = (len(files), *shape)
        shared_cache.require_room(place, math.prod(wanted), f"{folder}: {list(wanted)} of images")
        broken = _write([path for path, _ in files], wanted, decode, partial)
        if broken:
            beside = partial.with_suffix(".broken")
            beside.write_text(json.dumps(broken, indent=1), encoding="utf-8")
            os.replace(beside, _broken_path(cache))

    shared_cache.made(cache, write)
    broken = _broken(cache)
    return Decoded(x=shared_cache.images(cache, (len(files) - len(broken), *shape)), broken=broken)


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


def _write(
    paths: Sequence[Path], shape: tuple[int, ...], decode: Decode, partial: Path
) -> dict[int, str]:
    """Write the images as one array; return those that could not be read."""
    broken: dict[int, str] = {}

    def whole() -> Iterator[np.ndarray]:
        for index, image in enumerate(_images(paths, decode, math.prod(shape[1:]))):
            if isinstance(image, BrokenImage):
                broken[index] = str(image)
                if len(broken) > MOST_BROKEN * len(paths):
                    raise _too_many(broken, index + 1, len(paths))
            else:
                yield image[None]

    shared_cache.write_images(partial, shape, whole())
    return broken


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
