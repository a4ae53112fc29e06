"""Labels as people write them, mapped to 0 .. classes - 1 as the training set says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpineat.errors import InputError

Kind = Literal["whole numbers", "text", "one-hot rows", "truth values"]

# A label that occurs once where the middle class has so many is a slip or a sentinel, not a class.
_PLENTY = 20
_SHOWN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap:
    """What the labels 0 .. classes - 1 stand for in the user's file.

    Attributes:
        values: By label; what the file has, as text.
        stored: By label; the file's own values, ascending (np.unique's order).
        names: Of the classes; () where the file only numbers them.
    """

    kind: Kind
    values: tuple[str, ...]
    stored: np.ndarray
    names: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.values)

    @property
    def note(self) -> str:
        """Say how labels were mapped; "" where they are what the file has."""
        if self.kind == "whole numbers" and self.values == tuple(map(str, range(self.classes))):
            return ""
        shown = [f"{value} = {label}" for label, value in enumerate(self.values[:_SHOWN])]
        more = ", ..." if self.classes > _SHOWN else ""
        return f"labels are {self.kind}: {', '.join(shown)}{more}"


def learn(y: np.ndarray, place: str, *, names: tuple[str, ...] = ()) -> LabelMap:
    """Return the map of training labels, as `flat` returns them.

    Args:
        names: What the file calls its classes, by label.

    Raises:
        InputError: Fewer than two classes.
    """
    kind, values = _kind(y, place)
    # One-hot rows and names say how many classes there are; else those count that occur.
    if kind == "one-hot rows":
        stored = np.arange(y.shape[1])
    else:
        stored = np.unique(values)
        counted = kind == "whole numbers" and stored[0] >= 0 and stored[-1] < len(names)
        stored = np.arange(len(names)) if counted else stored
    if len(stored) < 2:
        raise InputError(f"{place}: expected two classes at least, found only {stored[0]}")
    called = tuple(map(str, stored.tolist()))
    titles = names if len(names) == len(stored) else called if kind == "text" else ()
    return LabelMap(kind=kind, values=called, stored=stored, names=titles)


def mapped(y: np.ndarray, labels: LabelMap, place: str) -> np.ndarray:
    """Return `y` as int32 labels.

    Raises:
        InputError: Labels of another kind than the training set's, or of none of its classes.
    """
    kind, values = _kind(y, place)
    if kind != labels.kind or (kind == "one-hot rows" and y.shape[1] != labels.classes):
        raise InputError(
            f"{place}: expected labels as those to train on, {labels.kind} of {labels.classes} "
            f"classes, found {kind}{f' of {y.shape[1]}' if kind == 'one-hot rows' else ''}"
        )
    index = np.searchsorted(labels.stored, values).clip(max=labels.classes - 1)
    wrong = np.flatnonzero(labels.stored[index] != values)
    if wrong.size:
        first = int(wrong[0])
        raise InputError(
            f"{place}: example {first}: expected a label that the training set has, "
            f"found {values[first]}"
        )
    return index.astype(np.int32)


def flat(y: np.ndarray, images: int, place: str) -> np.ndarray:
    """Return labels as [n], or one-hot rows [n, classes]; a column or row vector becomes [n].

    Raises:
        InputError: No label for each image, or values that cannot be labels.
    """
    found = f"{y.dtype} {list(y.shape)}"
    if y.shape in ((images, 1), (1, images)):  # Keras's own data sets; MATLAB's
        y = y.reshape(-1)
    if y.ndim == 2 and y.shape[1] == images and y.shape[0] != images:
        y = y.T
    if y.shape[:1] != (images,) or y.ndim > 2 or y.dtype.kind not in "iufbSU" or not images:
        raise InputError(
            f"{place}: expected one label for each of {images:,} images, whole numbers, text or "
            f"one-hot rows, found {found}"
        )
    return np.char.decode(y, "utf-8", "replace") if y.dtype.kind == "S" else y


def rare(y: np.ndarray) -> np.ndarray:
    """Return the labels that occur once where the middle class of those that occur has plenty."""
    counts = np.bincount(y)
    return np.flatnonzero((counts == 1) & (np.median(counts[counts > 0]) >= _PLENTY))


def _kind(y: np.ndarray, place: str) -> tuple[Kind, np.ndarray]:
    """Return what the labels are, and one comparable value for each example."""
    if y.ndim == 2:
        if y.dtype.kind not in "iufb" or not (
            ((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all()
        ):
            raise InputError(
                f"{place}: expected one label for each image, or rows with a single 1, "
                f"found {y.dtype} {list(y.shape)}"
            )
        return "one-hot rows", y.argmax(axis=1)
    if y.dtype.kind == "U":
        return "text", y
    if y.dtype.kind == "b":
        return "truth values", y
    if y.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(y) | (y != np.rint(y)) | (np.abs(y) >= 2**53))
        if wrong.size:
            first = int(wrong[0])
            raise InputError(
                f"{place}: example {first}: expected whole numbers as labels, found {y[first]}"
            )
        return "whole numbers", y.astype(np.int64)
    return "whole numbers", y
