"""The page's part on which classes the winner recognises, and which it takes for another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mpineat import units
from mpineat.report.overview import Overview
from mpineat.store import Generation
from mpineat.training.export.confusion import ALL_UP_TO, WORST, Confusion, named

LARGEST_SHOWN = 20  # confusions, where there are too many classes for a table of all


def confusion(view: Overview[Generation]) -> dict[str, Any] | None:
    """Return the winner's confusion matrix on the validation images, summed over its final.

    With many classes the worst of them and the largest confusions; None where the final has not
    ended, or kept none.
    """
    won = view.won
    cells = [cell for o in (won.trained if won else ()) for cell in o.confusion]
    if won is None or not cells:
        return None
    names = next((one.class_names for one in reversed(view.run.launches) if one.class_names), ())
    classes = max(len(names), 1 + max(max(label, taken) for label, taken, _ in cells))
    counts = np.zeros((classes, classes), np.int64)
    for label, taken_for, images in cells:
        counts[label, taken_for] += images
    found = Confusion(counts=counts)
    # A name for each class or none: the data set of another launch may have had fewer.
    names = names if len(names) == classes else ()
    trainings = sum(bool(o.confusion) for o in won.trained)
    whole = classes <= ALL_UP_TO
    return {
        "whole": whole,
        "note": f"On the validation images, summed over {units.plural(trainings, 'training')} of "
        f"the final: balanced accuracy {found.balanced_accuracy:.4f}, macro F1 "
        f"{found.macro_f1:.4f}. The test images are seen by an export alone, which says the same "
        "of them.",
        **(_whole(found, names) if whole else _worst(found, names)),
    }


def _whole(found: Confusion, names: Sequence[str]) -> dict[str, Any]:
    labels = range(len(found.counts))
    rows = []
    for label in labels:
        images = [int(number) for number in found.counts[label]]
        total = max(1, sum(images))
        cells = [
            # Of the row: how dark, whether on the diagonal, the number.
            (f"{images[other] / total:.3f}", label == other, f"{images[other]:,}")
            for other in labels
        ]
        rows.append((named(label, names), cells, _recall(found, label), f"{sum(images):,}"))
    return {"head": [named(label, names) for label in labels], "rows": rows}


def _worst(found: Confusion, names: Sequence[str]) -> dict[str, Any]:
    of_class = found.of_class
    worst = [
        [named(label, names), _recall(found, label), f"{of_class[label]:,}"]
        for label in found.worst(WORST)
    ]
    largest = [
        [named(row, names), named(column, names), f"{images:,}", f"{of_class[row]:,}"]
        for row, column, images in found.largest(LARGEST_SHOWN)
    ]
    return {"worst": worst, "largest": largest, "classes": len(of_class)}


def _recall(found: Confusion, label: int) -> str:
    return units.accuracy(found.recall[label]) if found.of_class[label] else "-"
