"""Arrays of a user's file as uint8 images: few in memory, many mapped, converted once for all."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mpineat.data import shared_cache
from mpineat.data.conversion import Conversion
from mpineat.data.images import Layout, Range, value_range
from mpineat.data.named_arrays import Array
from mpineat.data.rows import Images, Rows
from mpineat.errors import InputError

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 10.0


def range_of(array: Array, layout: Layout) -> Range:
    """Return what values an array holds; of a large one looked at once, and remembered.

    Raises:
        InputError: As `images.value_range`; no place for what is remembered.
    """
    shape = (layout.examples, *layout.shape)
    if not shared_cache.is_large(shape):
        return value_range(array)
    place = _place(array, shape)  # before all is read: what a small file declares may be endless
    path = place / f"range_{_key(array)}.json"
    shared_cache.made(path, lambda partial: _remember(partial, value_range(array)))
    try:
        found = json.loads(path.read_bytes())
        return Range(low=float(found["low"]), high=float(found["high"]), whole=found["whole"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: expected the range of values: {error!r}; remove it") from error


def images(array: Array, layout: Layout, conversion: Conversion) -> Images:
    """Return all images of an array, uint8 [n, height, width, channels].

    Raises:
        InputError: Damage, values outside of the conversion's range, or no place for many images.
        StorageError: Many images cannot be written into the cache.
    """
    shape = (layout.examples, *layout.shape)
    if not shared_cache.is_large(shape):
        x = np.empty(shape, np.uint8)
        done = 0
        for block in _converted(array, layout, conversion):
            x[done : done + len(block)] = block
            done += len(block)
        return x
    if conversion.is_none and array.start is not None and layout.is_plain:
        mapped = np.memmap(array.file, np.uint8, mode="r", offset=array.start, shape=shape)
        return Rows((mapped,))
    path = _place(array, shape) / f"images_{_key(array, layout, conversion)}.npy"

    def write(partial: Path) -> None:
        log.info("converting %s of %s into %s", list(shape), array.place, path)
        shared_cache.write_images(
            partial, shape, _told(_converted(array, layout, conversion), layout.examples)
        )

    shared_cache.made(path, write)
    return shared_cache.images(path, shape)


def _converted(array: Array, layout: Layout, conversion: Conversion) -> Iterator[np.ndarray]:
    done = 0
    for block in array.blocks():
        yield layout.applied(conversion.to_uint8(block, array.place, done))
        done += len(block)


def _told(blocks: Iterator[np.ndarray], images: int) -> Iterator[np.ndarray]:
    """Yield the blocks, and tell from time to time how far it is."""
    told, done = time.monotonic(), 0
    for block in blocks:
        yield block
        done += len(block)
        if time.monotonic() - told >= PROGRESS_SECONDS:
            told = time.monotonic()
            log.info("converted %d of %d images", done, images)


def _remember(path: Path, found: Range) -> None:
    path.write_text(json.dumps(asdict(found)), encoding="utf-8")


def _place(array: Array, shape: tuple[int, ...]) -> Path:
    """Return the folder of the cache, which has room for the images of this array."""
    place = shared_cache.folder(array.file.parent)
    if not any(place.glob(f"images_{_key(array)}*.npy")):
        shared_cache.require_room(place, int(np.prod(shape, dtype=object)), array.place)
    return place


def _key(array: Array, *decided: object) -> str:
    """Return digits that change with the file, the array, and what was decided about it."""
    found = array.file.stat()
    whole = (array.file.name, found.st_size, found.st_mtime_ns, array.name)
    digest = hashlib.sha256(repr(whole).encode()).hexdigest()[:16]
    if not decided:
        return digest
    return f"{digest}_{hashlib.sha256(repr(decided).encode()).hexdigest()[:8]}"
