"""Images as people store them, made uint8 [n, height, width, channels] once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpineat.data.named_arrays import Array
from mpineat.errors import InputError

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
Channels = Literal["first", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How an array's axes become [n, height, width, channels].

    Attributes:
        shape: (height, width, channels).
        stored: Of one image in the array, or what a flat one is split into first.
        turned: The axes of [n, *stored] in their new order; a missing channel axis comes last.
    """

    examples: int
    shape: tuple[int, int, int]
    stored: tuple[int, ...]
    turned: tuple[int, ...]
    note: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether images lie in the array as they are wanted, value behind value."""
        return self.turned == tuple(range(len(self.turned)))

    def applied(self, block: np.ndarray) -> np.ndarray:
        """Return a part of the array as [n, height, width, channels]."""
        turned = block.reshape(len(block), *self.stored).transpose(self.turned)
        return np.asarray(turned.reshape(len(block), *self.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What values an array holds; `whole`: without fractions."""

    low: float
    high: float
    whole: bool


def layout(
    array: Array,
    *,
    channels: Channels | None,
    size: tuple[int, int] | None,
    signals: bool = False,
    column_major: bool = False,
) -> Layout:
    """Decide what the axes are.

    Args:
        channels: dataset.channels; None: recognise them.
        signals: dataset.signals.
        size: dataset.image_size; flat images need it.
        column_major: MATLAB wrote the file: its [h, w, c, n] shows as [n, c, w, h].

    Raises:
        InputError: No images, or several readings are possible: the message names the option.
    """
    if array.dtype.kind in "biuf" and len(array.shape) > 4 and 0 not in array.shape:
        raise InputError(
            f"{array.place}: {list(array.shape)} are volumes or films; networks are searched for "
            "images and signals alone: give slices of them as images"
        )
    if array.dtype.kind not in "biuf" or not 2 <= len(array.shape) <= 4 or 0 in array.shape:
        raise InputError(
            f"{array.place}: expected images as numbers [n, height, width] or "
            f"[n, height, width, channels], found {array.dtype} {list(array.shape)}"
        )
    if signals:
        return _of_signals(array, channels, column_major=column_major)
    n, *stored = array.shape
    if len(stored) == 1:
        stored = _unfolded(array, stored[0], size, channels)
    if len(stored) == 2:
        turned: tuple[int, ...] = (0, 2, 1) if column_major else (0, 1, 2)
        height, width = (stored[axis - 1] for axis in turned[1:])
        return Layout(examples=n, shape=(height, width, 1), stored=tuple(stored), turned=turned)
    if column_major:
        turned, note = (0, 3, 2, 1), "MATLAB's axes [height, width, channels, n]"
    elif _first(array, stored, channels):
        turned = (0, 2, 3, 1)
        note = (
            ""
            if channels
            else f"channels first: {list(array.shape)} is [n, channels, height, width]"
        )
    else:
        turned, note = (0, 1, 2, 3), ""
    height, width, depth = (stored[axis - 1] for axis in turned[1:])
    return Layout(
        examples=n,
        shape=(height, width, depth),
        stored=tuple(stored),
        turned=turned,
        note=note,
    )


def _of_signals(array: Array, channels: Channels | None, *, column_major: bool) -> Layout:
    """Return the axes of signals: [n, length], [n, length, channels] or [n, channels, length]."""
    n, *stored = array.shape
    if len(stored) == 3 or (len(stored) == 1 and channels is not None):
        raise InputError(
            f"{array.place}: expected signals [n, length] or [n, length, channels] "
            f"(dataset.signals{f', dataset.channels: {channels}' if channels else ''}), "
            f"found {list(array.shape)}"
        )
    if len(stored) == 1:
        return Layout(examples=n, shape=(1, stored[0], 1), stored=tuple(stored), turned=(0, 1))
    first = column_major if channels is None else channels == "first"
    if channels is None and not column_major and stored[1] >= stored[0]:
        raise InputError(
            f"{array.place}: {list(array.shape)} may be [n, length, channels] or "
            "[n, channels, length]; set dataset.channels: last or first"
        )
    turned = (0, 2, 1) if first else (0, 1, 2)
    length, depth = (stored[axis - 1] for axis in turned[1:])
    return Layout(examples=n, shape=(1, length, depth), stored=tuple(stored), turned=turned)


def _first(array: Array, stored: list[int], channels: Channels | None) -> bool:
    if channels is not None:
        return channels == "first"
    front, middle, last = stored
    if front in CHANNELS and min(middle, last) > max(CHANNELS):
        return True
    if last <= max(CHANNELS) or last < min(front, middle):
        return False
    raise InputError(
        f"{array.place}: {list(array.shape)} may be [n, height, width, channels] or "
        "[n, channels, height, width]; set dataset.channels: last or first"
    )


def _unfolded(
    array: Array, length: int, size: tuple[int, int] | None, channels: Channels | None
) -> list[int]:
    if size is None or length % math.prod(size):
        raise InputError(
            f"{array.place}: {list(array.shape)} is flat: set dataset.image_size: [height, width] "
            f"with {length} values an image"
        )
    depth = length // math.prod(size)
    if depth == 1:
        return list(size)
    if channels is None:
        raise InputError(
            f"{array.place}: {list(array.shape)} has {depth} values a pixel: "
            "set dataset.channels: last or first"
        )
    return [depth, *size] if channels == "first" else [*size, depth]


def value_range(array: Array) -> Range:
    """Look at every value.

    Raises:
        InputError: Some are no numbers, or infinite.
    """
    low, high, whole, seen = math.inf, -math.inf, True, 0
    for block in array.blocks():
        if block.dtype.kind == "f":
            if not np.isfinite(block).all():
                wrong = np.argwhere(~np.isfinite(block))[0]
                raise InputError(
                    f"{array.place}: image {seen + int(wrong[0])}: expected finite values, "
                    f"found {block[tuple(wrong)]}"
                )
            whole = whole and bool((block == np.rint(block)).all())
        low, high = min(low, block.min()), max(high, block.max())
        seen += len(block)
    return Range(low=float(low), high=float(high), whole=whole)
