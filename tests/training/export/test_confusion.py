"""Confusion: a user reads which classes are weak, and what they are taken for."""

from __future__ import annotations

import numpy as np

from mpineat.training.export.confusion import Confusion


def test_recalls_and_the_largest_confusions_have_the_names_of_the_classes() -> None:
    counts = np.array([[8, 2, 0, 0], [1, 0, 3, 0], [0, 1, 9, 0], [0, 0, 0, 0]])
    found = Confusion(counts=counts)
    assert found.accuracy == 17 / 24
    assert list(found.lines(("ant", "bee\nforged", "c" * 50, "none"))) == [
        "balanced accuracy 0.5667, macro F1 0.5534",
        "recall by class:",
        "  0.8000  0 ant, 10 images",
        "  0.0000  1 bee\\nforged, 4 images",
        f"  0.9000  2 {'c' * 40} ..., 10 images",
        "       -  3 none, 0 images",
        f"3 of 4 images of 1 bee\\nforged taken for 2 {'c' * 40} ...",
        "2 of 10 images of 0 ant taken for 1 bee\\nforged",
        "1 of 4 images of 1 bee\\nforged taken for 0 ant",
    ]


def test_of_many_classes_the_worst_are_shown_and_of_no_confusions_none() -> None:
    counts = np.diag(np.full(30, 5))
    counts[0, 0] = 0  # a class that the test set lacks is not the worst
    counts[7, 7], counts[7, 8] = 4, 1
    lines = list(Confusion(counts=counts).lines(()))
    assert lines[1] == "recall of the worst 10 of 30 classes:"
    assert lines[2] == "  0.8000  class 7, 5 images"
    assert lines[12:] == ["1 of 5 images of class 7 taken for class 8"]
    assert len(list(Confusion(counts=np.diag([3, 3])).lines(()))) == 4
