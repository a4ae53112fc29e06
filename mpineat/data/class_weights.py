"""Class weights: how much an image of each class counts in the loss, lest rare ones go unheard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpineat.errors import shown

_SHOWN = 12  # classes whose weights are named


def class_weights(rule: str, labels: NDArray[Any], classes: int) -> tuple[float, ...] | None:
    """Return the weight of each class by training.class_weights; None where all count alike.

    "balanced" is inverse to the class's share: each class has the same part in the loss, and the
    mean weight of the images is 1, so that the learning rate means what it did (King and Zeng
    2001, their weighting for equal shares). A class without images has weight 0.

    Args:
        labels: Of the images that are trained on.
    """
    if rule == "none":
        return None
    counts = np.bincount(labels, minlength=classes)
    there = counts > 0
    weights = np.zeros(classes)
    weights[there] = len(labels) / (there.sum() * counts[there])
    return tuple(weights.tolist())


def described(weights: Sequence[float], names: Sequence[str]) -> str:
    """Return "cat 0.505, dog 50.2", or where there are many the lightest and the heaviest.

    Args:
        names: Of the classes, () where they are only numbered.
    """
    titles = [shown(name) for name in names] or [str(label) for label in range(len(weights))]
    texts = [f"{title} {weight:.3g}" for title, weight in zip(titles, weights, strict=True)]
    if len(texts) <= _SHOWN:
        return ", ".join(texts)
    order = np.argsort(weights, kind="stable").tolist()
    return f"{texts[order[0]]} (lightest) to {texts[order[-1]]} (heaviest)"
