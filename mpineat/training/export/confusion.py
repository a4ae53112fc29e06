"""Which classes a model recognises, and which it takes for another: its confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mpineat import units
from mpineat.errors import shown
from mpineat.training import scores

ALL_UP_TO, WORST, LARGEST = 20, 10, 3  # classes; confusions
_NAME = 40  # characters


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confusion:
    """Of one pass over a set of images.

    Attributes:
        counts: [classes, classes]: images of the row's class that were taken for the column's.
    """

    counts: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of all images on the diagonal."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def of_class(self) -> np.ndarray:
        """Images of each class, [classes]."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def recall(self) -> np.ndarray:
        """The share of each class's images on the diagonal, [classes]; 0 without images."""
        return np.diagonal(self.counts) / np.maximum(self.of_class, 1)

    @property
    def balanced_accuracy(self) -> float:
        """As mpineat.metrics defines it."""
        return scores.balanced_accuracy(self.counts)

    @property
    def macro_f1(self) -> float:
        """As mpineat.metrics defines it."""
        return scores.macro_f1(self.counts)

    def worst(self, count: int) -> list[int]:
        """Return the labels of the classes of the lowest recall, of those with images."""
        there = np.flatnonzero(self.of_class)
        return there[np.argsort(self.recall[there], kind="stable")][:count].tolist()

    def largest(self, count: int) -> list[tuple[int, int, int]]:
        """Return (label, taken for, images) of the largest confusions."""
        wrong = self.counts - np.diag(np.diagonal(self.counts))
        places = np.argsort(-wrong, axis=None, kind="stable")[:count]
        pairs = zip(*np.unravel_index(places, wrong.shape), strict=True)
        return [(int(i), int(j), int(wrong[i, j])) for i, j in pairs if wrong[i, j]]

    def lines(self, class_names: Sequence[str]) -> Iterator[str]:
        """Yield how all classes alike fare, the recall of each or of the worst, and confusions.

        Args:
            class_names: By label; () where classes are only numbered.
        """
        of_class, recall = self.of_class, self.recall
        yield f"balanced accuracy {self.balanced_accuracy:.4f}, macro F1 {self.macro_f1:.4f}"
        labels, heading = list(range(len(of_class))), "recall by class:"
        if len(labels) > ALL_UP_TO:
            labels = self.worst(WORST)
            heading = f"recall of the worst {len(labels)} of {len(of_class)} classes:"
        yield heading
        for label in labels:
            known = units.accuracy(recall[label]) if of_class[label] else "-"
            images = units.plural(int(of_class[label]), "image")
            yield f"  {known:>6}  {named(label, class_names)}, {images}"
        for row, column, images_wrong in self.largest(LARGEST):
            yield (
                f"{images_wrong:,} of {units.plural(int(of_class[row]), 'image')} of "
                f"{named(row, class_names)} taken for {named(column, class_names)}"
            )


def named(label: int, class_names: Sequence[str]) -> str:
    """Return "3 cat", the name escaped and cut; "class 3" where classes are only numbered."""
    if not class_names:
        return f"class {label}"
    name = shown(class_names[label])
    return f"{label} {name if len(name) <= _NAME else name[:_NAME] + ' ...'}"
