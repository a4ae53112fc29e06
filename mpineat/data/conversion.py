"""How the values of a user's file became uint8, and how a model takes those values themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mpineat.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """uint8 = round(value * scale + offset).

    Attributes:
        dtype: Of the user's values, numpy's name.
        low, high: What became 0 and 255; values outside are refused.
    """

    dtype: str = "uint8"
    low: float = 0.0
    high: float = 255.0

    @property
    def scale(self) -> float:
        """Steps of uint8 for a step of the user's values."""
        return 255 / (self.high - self.low)

    @property
    def offset(self) -> float:
        """What the user's 0 became."""
        return -self.low * self.scale

    @property
    def model_dtype(self) -> str:
        """What a model takes: every float as float32, in which networks compute."""
        return "float32" if self.dtype.startswith("float") else self.dtype

    @property
    def is_none(self) -> bool:
        """Whether the file holds uint8 as it is."""
        return self == AS_IT_IS

    @property
    def note(self) -> str:
        """Say it in one line; "" where nothing is converted."""
        if self.is_none:
            return ""
        became = "are rounded" if (self.low, self.high) == (0, 255) else "became 0 to 255"
        return f"values are {self.dtype}, {self.low:g} to {self.high:g} {became}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def to_uint8(self, values: np.ndarray, place: str, first: int = 0) -> np.ndarray:
        """Convert images of the user's file; `first` is the index of the first one.

        Raises:
            InputError: Values of another type, or outside of the range.
        """
        if values.dtype.name != self.dtype:
            raise InputError(
                f"{place}: expected {self.dtype} as the training images, found {values.dtype}"
            )
        if self.is_none:
            return values
        if values.dtype.kind != "b":
            outside = ~((values >= self.low) & (values <= self.high))  # NaN is outside too
            if outside.any():
                wrong = np.argwhere(outside)[0]
                raise InputError(
                    f"{place}: image {first + int(wrong[0])}: expected values from {self.low:g} to "
                    f"{self.high:g} as in the training images, found {values[tuple(wrong)]}; "
                    "dataset.range: [low, high] says what both have"
                )
        single = values.dtype.itemsize <= 2 or self.dtype == "float32"
        exact: type[np.floating[Any]] = np.float32 if single else np.float64
        steps: np.ndarray = values.astype(exact) * exact(self.scale) + exact(self.offset)
        return np.asarray(np.rint(steps), np.uint8)

    def back(self, x: np.ndarray) -> np.ndarray:
        """Return uint8 images as the user's file had them, to within a step."""
        if self.is_none:
            return x
        values = (x.astype(np.float64) - self.offset) / self.scale
        kind = np.dtype(self.dtype)
        return (np.rint(values) if kind.kind in "iu" else values).astype(kind)

    def standardizing(
        self, mean: Sequence[float], deviation: Sequence[float]
    ) -> tuple[list[float], list[float]]:
        """Return (scale, offset) a channel that take the user's values to mean 0 and deviation 1.

        Args:
            mean, deviation: Of each channel of the images in [0, 1].
        """
        scales = [self.scale / (255 * one) for one in deviation]
        offsets = [
            (self.offset / 255 - middle) / one for middle, one in zip(mean, deviation, strict=True)
        ]
        return scales, offsets


AS_IT_IS = Conversion()


def recognised(dtype: np.dtype, low: float, high: float, *, whole: bool, place: str) -> Conversion:
    """Return the conversion for values that were looked at.

    Raises:
        InputError: Several readings are possible; the message names the option that settles it.
    """
    name = dtype.name
    if dtype.kind == "b" or (low >= 0 and high <= 1):
        return Conversion(dtype=name, high=1.0)
    if low >= 0 and high <= 255 and (whole or high >= 128):
        return Conversion(dtype=name)
    if name == "uint16" and high >= 1 << 15:
        return Conversion(dtype=name, high=65535.0)
    raise InputError(
        f"{place}: {name} values from {low:g} to {high:g} may mean several ranges; set "
        "dataset.range: [low, high], what black and white are, such as [0, 1], [-1, 1] or [0, 4095]"
    )
