"""The embedded digits: 1,797 images of 8 x 8 pixels (Alpaydin and Kaynak 1998)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np

from mpineat.data.reader import Header, Source, Split

CLASSES = 10
BRIGHTEST = 16  # the original counts set pixels in blocks of 4 x 4


class Digits:
    """The data set that comes with the package."""

    def header(self) -> Header:
        """Describe the training part."""
        return Header((8, 8, 1), CLASSES, len(_arrays()["y_train"]))

    def train(self) -> Split:
        """Return the training part."""
        return _examples("train")

    def test(self) -> Split:
        """Return the test part."""
        return _examples("test")


DIGITS = Source(title="digits", path="none", open=lambda _: Digits())


@cache
def _arrays() -> dict[str, np.ndarray]:
    with (
        (files("mpineat") / "embedded" / "digits.npz").open("rb") as file,
        np.load(file) as content,
    ):
        return dict(content)


def _examples(part: str) -> Split:
    counts = _arrays()[f"x_{part}"].astype(np.uint16)
    return Split(
        (counts * 255 // BRIGHTEST).astype(np.uint8)[..., None],
        _arrays()[f"y_{part}"].astype(np.int32),
    )
