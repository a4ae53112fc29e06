"""Metrics as functions of a network's answers.

All lie in [0, 1], the higher the better, also where a class is missing or was never answered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def confusion(labels: NDArray[Any], taken_for: NDArray[Any], classes: int) -> Counts:
    """Return [classes, classes]: images of the row's class that were taken for the column's."""
    cells = labels.astype(np.int64) * classes + taken_for
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def measure(metric: str, labels: NDArray[Any], logits: NDArray[Any]) -> float:
    """Return a metric other than accuracy.

    Args:
        metric: One of metrics.TITLES.
        labels: [images], from 0.
        logits: [images, classes].
    """
    if metric == "auc":
        return auc(labels, softmax(logits))
    counts = confusion(labels, logits.argmax(axis=1), logits.shape[1])
    return {"balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}[metric](counts)


def balanced_accuracy(counts: Counts) -> float:
    """Return the mean recall of the classes that have images (Brodersen et al. 2010).

    Args:
        counts: As `confusion` returns them.
    """
    of_class = counts.sum(axis=1)
    there = of_class > 0
    return float(np.mean(np.diagonal(counts)[there] / of_class[there])) if there.any() else 0.0


def macro_f1(counts: Counts) -> float:
    """Return the mean F1 of the classes that have images (Opitz and Burst 2019, averaged F1).

    A class that was never answered has F1 0. One without images has none: what is wrongly taken
    for it lowers the recall of the others.

    Args:
        counts: As `confusion` returns them.
    """
    of_class, answered = counts.sum(axis=1), counts.sum(axis=0)
    there = of_class > 0
    each = 2 * np.diagonal(counts)[there] / (of_class + answered)[there]
    return float(np.mean(each)) if there.any() else 0.0


def auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return the mean over the classes of the area under the ROC curve, each against the rest.

    By ranks: the chance that an image of the class has a higher score for it than another image
    has, a tie counted half (Hanley and McNeil 1982; Fawcett 2006 for the mean). Classes without
    images, or without others, have no such pair and are left out; 0.5 where that leaves none.

    Args:
        labels: [images], from 0.
        scores: [images, classes]; what is no number is below all others.
    """
    scores = np.nan_to_num(scores, nan=-np.inf, neginf=-np.inf, posinf=np.inf)
    areas = []
    for label in range(scores.shape[1]):
        own = labels == label
        positive, negative = int(own.sum()), int((~own).sum())
        if positive and negative:
            above = ranks(scores[:, label])[own].sum() - positive * (positive + 1) / 2
            areas.append(above / (positive * negative))
    return min(1.0, max(0.0, float(np.mean(areas)))) if areas else 0.5


def ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rank of each value from 1 up; equal ones share the mean of theirs."""
    _, places, numbers = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(numbers)
    found: NDArray[np.float64] = (last - (numbers - 1) / 2)[places.reshape(-1)]
    return found


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Return probabilities, so that scores of different images can be compared."""
    with np.errstate(invalid="ignore"):  # of a network that broke: no number, which `auc` takes
        powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        found: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return found
