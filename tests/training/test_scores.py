"""Metrics: the figures that a textbook gives, and none that is no number."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mpineat import metrics
from mpineat.training import scores

# Rows are true: 90 of 100 of class 0 and 5 of 10 of class 1 are right; class 2 is never answered.
TABLE = np.array([[90, 10, 0], [5, 5, 0], [3, 2, 0]])


def test_a_table_computed_by_hand() -> None:
    assert scores.balanced_accuracy(TABLE) == pytest.approx((0.9 + 0.5 + 0.0) / 3)
    precisions, recalls = (90 / 98, 5 / 17), (90 / 100, 5 / 10)
    each = [2 * p * r / (p + r) for p, r in zip(precisions, recalls, strict=True)]
    assert scores.macro_f1(TABLE) == pytest.approx((*each, 0.0)[0] / 3 + each[1] / 3)


def test_a_class_without_images_counts_for_nothing_and_what_is_taken_for_it_is_wrong() -> None:
    counts = np.array([[8, 2, 0], [0, 0, 0], [1, 0, 9]])
    assert scores.balanced_accuracy(counts) == pytest.approx((0.8 + 0.9) / 2)
    assert scores.macro_f1(counts) == pytest.approx((16 / 19 + 18 / 19) / 2)


def test_the_answer_that_is_always_the_same_is_worth_what_chance_is() -> None:
    labels = np.array([0] * 99 + [1])
    logits = np.tile([4.0, -4.0], (100, 1))
    for metric, expected in (("balanced_accuracy", 0.5), ("macro_f1", 99 / 199), ("auc", 0.5)):
        assert scores.measure(metric, labels, logits) == pytest.approx(expected)


def test_auc_by_hand_with_ties() -> None:
    labels = np.array([1, 1, 0, 0, 0])
    values = np.array([0.8, 0.4, 0.4, 0.3, 0.9])
    # Of the six pairs 0.8 wins two of three, and 0.4 wins one and half of another.
    both = np.stack([1 - values, values], axis=1)
    assert scores.auc(labels, both) == pytest.approx((2 + 1.5) / 6)


LABELLED = st.integers(1, 4).flatmap(
    lambda classes: st.tuples(
        hnp.arrays(
            np.int32, st.shared(st.integers(1, 12), key="n"), elements=st.integers(0, classes - 1)
        ),
        hnp.arrays(
            np.float32,
            st.shared(st.integers(1, 12), key="n").map(lambda n: (n, classes)),
            elements=st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0, np.nan, np.inf]),
        ),
    )
)


@given(LABELLED)
def test_every_metric_is_a_share_whatever_a_network_answers(drawn: tuple) -> None:
    labels, logits = drawn
    for metric in metrics.TITLES:
        if metric != metrics.ACCURACY:
            assert 0 <= scores.measure(metric, labels, logits) <= 1


@given(LABELLED)
def test_brute_force_agrees(drawn: tuple) -> None:
    labels, values = drawn[0], np.nan_to_num(drawn[1], posinf=5.0)
    areas = []
    for label in range(values.shape[1]):
        own, rest = values[labels == label, label], values[labels != label, label]
        pairs = [(a > b) + (a == b) / 2 for a, b in product(own.tolist(), rest.tolist())]
        areas += [sum(pairs) / len(pairs)] if pairs else []
    assert scores.auc(labels, values) == pytest.approx(np.mean(areas) if areas else 0.5)

    taken_for, present = values.argmax(axis=1), sorted(set(labels.tolist()))
    recalls = [np.mean(taken_for[labels == label] == label) for label in present]
    assert scores.measure("balanced_accuracy", labels, values) == pytest.approx(np.mean(recalls))
    f1s = []
    for label in present:
        right = np.sum((labels == label) & (taken_for == label))
        f1s.append(2 * right / (np.sum(labels == label) + np.sum(taken_for == label)))
    assert scores.measure("macro_f1", labels, values) == pytest.approx(np.mean(f1s))
