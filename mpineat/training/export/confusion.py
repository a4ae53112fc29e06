"""Which classes a model recognises, and which it takes for another: its confusion matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mpineat import units
from mpineat.errors import shown

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

    def lines(self, class_names: Sequence[str]) -> Iterator[str]:
        """Yield the recall of each class, or of the worst, and the largest confusions.

        Args:
            class_names: By label; () where classes are only numbered.
        """
        of_class = self.counts.sum(axis=1)
        recall = np.diagonal(self.counts) / np.maximum(of_class, 1)
        labels = np.arange(len(of_class))
        heading = "recall by class:"
        if len(labels) > ALL_UP_TO:
            there = labels[of_class > 0]
            labels = there[np.argsort(recall[there], kind="stable")][:WORST]
            heading = f"recall of the worst {len(labels)} of {len(of_class)} classes:"
        yield heading
        for label in labels.tolist():
            known = units.accuracy(recall[label]) if of_class[label] else "-"
            images = units.plural(int(of_class[label]), "image")
            yield f"  {known:>6}  {_named(label, class_names)}, {images}"
        wrong = self.counts - np.diag(np.diagonal(self.counts))
        largest = np.argsort(-wrong, axis=None, kind="stable")[:LARGEST]
        for row, column in zip(*np.unravel_index(largest, wrong.shape), strict=True):
            if wrong[row, column]:
                yield (
                    f"{wrong[row, column]:,} of {units.plural(int(of_class[row]), 'image')} of "
                    f"{_named(row, class_names)} taken for {_named(column, class_names)}"
                )


def _named(label: int, class_names: Sequence[str]) -> str:
    if not class_names:
        return f"class {label}"
    name = shown(class_names[label])
    return f"{label} {name if len(name) <= _NAME else name[:_NAME] + ' ...'}"
