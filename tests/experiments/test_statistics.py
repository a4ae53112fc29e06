"""Means, spreads and bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.experiments.statistics import Spread, compare_means, spread


def test_spread_uses_the_sample_deviation() -> None:
    assert spread([1.0, 2.0, 3.0]) == Spread(3, 2.0, 1.0, 1.0, 3.0)


def test_spread_of_one_has_no_deviation_and_of_none_is_none() -> None:
    assert spread([5.0]) == Spread(1, 5.0, None, 5.0, 5.0)
    assert spread([]) is None


def test_means_pool_the_values_of_all_experiments() -> None:
    # 3 networks in one experiment, 1 in the other: the pooled mean is 4, not the mean of means.
    found = compare_means([[2.0, 3.0, 4.0], [7.0]], [[2.0]], np.divide, paired=False)
    assert found.value == 2.0


def test_one_experiment_has_no_interval() -> None:
    found = compare_means([[4.0]], [[2.0], [3.0]], np.divide, paired=False)
    assert (found.low, found.high) == (None, None)


def test_pairs_are_drawn_together() -> None:
    # Every pair has the ratio 2, so no sample of pairs can have another.
    first, second = [[2.0], [20.0], [200.0]], [[1.0], [10.0], [100.0]]
    paired = compare_means(first, second, np.divide, paired=True)
    apart = compare_means(first, second, np.divide, paired=False)
    assert paired.low == pytest.approx(2.0)
    assert paired.high == pytest.approx(2.0)
    assert apart.low is not None
    assert apart.low < 1


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(100):
        first = [[value] for value in rng.normal(10, 2, size=20)]
        found = compare_means(first, [[8.0]] * 20, np.subtract, paired=False)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 2.0 <= found.high
    assert 0.85 <= covered / 100 <= 0.99


def test_equal_runs_give_equal_intervals() -> None:
    groups = ([[1.0], [2.0], [4.0]], [[1.0], [3.0], [3.0]])
    assert compare_means(*groups, np.divide, paired=True) == compare_means(
        *groups, np.divide, paired=True
    )
