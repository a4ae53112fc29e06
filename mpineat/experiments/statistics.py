"""Mean, spread and bootstrap interval over a group of experiments (Efron and Tibshirani 1993)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """A sample in five numbers; `deviation` is the sample's (n - 1), None for a sample of one."""

    count: int
    mean: float
    deviation: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its bootstrap interval; no interval where a group has one experiment alone."""

    value: float
    low: float | None = None
    high: float | None = None


def spread(values: Sequence[float]) -> Spread | None:
    """Return the spread of `values`, or None when there are none."""
    if not values:
        return None
    data = np.asarray(values, dtype=float)
    deviation = float(data.std(ddof=1)) if data.size > 1 else None
    return Spread(data.size, float(data.mean()), deviation, float(data.min()), float(data.max()))


def compare_means(
    first: Sequence[Sequence[float]],
    second: Sequence[Sequence[float]],
    combine: Callable[[Floats, Floats], Floats],
    *,
    paired: bool,
) -> Estimate:
    """Compare the pooled means of two groups; the interval resamples whole experiments.

    Values of one experiment (the networks of one last generation) are relatives, so the experiment
    and not the network is what a bootstrap sample draws.

    Args:
        first, second: For each experiment its values; none empty.
        combine: From the two means to the figure: their ratio, their difference.
        paired: Experiments of equal index belong together (one seed) and are drawn together.

    Example:
        >>> compare_means([[4.0]], [[2.0]], np.divide, paired=True)
        Estimate(value=2.0, low=None, high=None)
    """
    value = float(combine(_pooled_mean(first), _pooled_mean(second)))
    if min(len(first), len(second)) < 2:
        return Estimate(value)
    rng = np.random.default_rng(0)  # fixed: one set of runs gives one table
    drawn = rng.integers(len(first), size=(RESAMPLES, len(first)))
    drawn_second = drawn if paired else rng.integers(len(second), size=(RESAMPLES, len(second)))
    figures = combine(_pooled_mean(first, drawn), _pooled_mean(second, drawn_second))
    low, high = np.quantile(figures, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


def _pooled_mean(
    group: Sequence[Sequence[float]], drawn: NDArray[np.int64] | None = None
) -> Floats:
    """Return the mean over all values of all experiments, or of each row of `drawn` ones."""
    sums = np.array([np.sum(values) for values in group], dtype=float)
    counts = np.array([len(values) for values in group], dtype=float)
    if drawn is None:
        return np.asarray(sums.sum() / counts.sum())
    return np.asarray(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
