"""Class weights: every class has the same part in the loss, whatever its share of the images."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.data.class_weights import class_weights, described


def test_each_class_weighs_as_much_as_any_other_and_an_image_1_on_average() -> None:
    labels = np.array([0] * 90 + [1] * 9 + [3])
    weights = class_weights("balanced", labels, 5)
    assert weights is not None
    assert weights == pytest.approx((100 / 270, 100 / 27, 0, 100 / 3, 0))
    sums = [weights[label] * (labels == label).sum() for label in (0, 1, 3)]
    assert sums == pytest.approx([100 / 3] * 3)
    assert class_weights("none", labels, 5) is None


def test_they_are_said_by_the_names_of_the_classes() -> None:
    assert described((0.505, 50.0), ("cat", "dog\nforged")) == "cat 0.505, dog\\nforged 50"
    many = described([1.0] * 30 + [4.0, 0.5], ())
    assert many == "31 0.5 (lightest) to 30 4 (heaviest)"
