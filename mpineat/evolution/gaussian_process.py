"""A Gaussian process over distances, and expected improvement (Jones et al. 1998).

The kernel is exp(-distance / length); the distance has to be one of which that is positive
definite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist

import numpy as np

from mpineat.genotype.settings import Floats

LENGTHS = (0.1, 0.2, 0.4, 0.8, 1.6)  # distances lie between 0 and the sum of their two weights
NOISES = (0.03, 0.1, 0.3, 1.0)  # variances, the signal's being 1
JUDGES = 80  # points at most that choose among these


@dataclass(frozen=True, slots=True)
class Model:
    """A process that knows values at some points.

    Attributes:
        root: The inverse of the Cholesky factor of the known points' covariance.
        weights: root times the values.
    """

    root: Floats
    weights: Floats
    length: float
    noise: float

    @classmethod
    def of(cls, distances: Floats, values: Floats, length: float, noise: float) -> Model:
        """Return the process given values at points, of which these are the distances."""
        root = np.asarray(np.linalg.inv(_factor(distances, length, noise)), np.float64)
        return cls(root, root @ values, length, noise)

    @classmethod
    def fitted(cls, distances: Floats, values: Floats) -> Model:
        """Return the process of the length and noise that make the values most likely."""
        # Points from the worst to the best; all of them would take the time of many fits.
        order = np.argsort(values, kind="stable")
        few = order[np.unique(np.linspace(0, len(order) - 1, JUDGES).round().astype(int))]
        some, theirs = distances[np.ix_(few, few)], values[few]
        likely = max(product(LENGTHS, NOISES), key=lambda pair: log_likelihood(some, theirs, *pair))
        return cls.of(distances, values, *likely)

    def posterior(self, distances: Floats) -> Posterior:
        """Return what is believed of other points, [known, others] of these distances."""
        projected = self.root @ np.exp(-distances / self.length)
        return Posterior(projected, self.weights, self.length, self.noise)


@dataclass(slots=True)
class Posterior:
    """Mean and deviation at some points; it takes in values there one by one.

    Attributes:
        projected: [known, points] root times the covariance of known points and these.
    """

    projected: Floats
    weights: Floats
    length: float
    noise: float

    @property
    def mean(self) -> Floats:
        """The expected value at each point."""
        return np.asarray(self.weights @ self.projected)

    @property
    def deviation(self) -> Floats:
        """The standard deviation at each point, without the noise."""
        return np.asarray(np.sqrt(np.maximum(1 - (self.projected**2).sum(axis=0), 1e-12)))

    def observe(self, point: int, distances: Floats, value: float) -> None:
        """Take in the value of a point, of which these are the distances to all points."""
        known = self.projected[:, point]
        # The next row of a Cholesky factor.
        scale = math.sqrt(1 + self.noise - float(known @ known))
        row = (np.exp(-distances / self.length) - known @ self.projected) / scale
        weight = (value - float(known @ self.weights)) / scale
        self.projected = np.vstack([self.projected, row])
        self.weights = np.append(self.weights, weight)


def log_likelihood(distances: Floats, values: Floats, length: float, noise: float) -> float:
    """Return the log marginal likelihood of values at points of these distances."""
    factor = _factor(distances, length, noise)
    weights = np.linalg.solve(factor, values)
    scale = np.log(np.diag(factor)).sum() + len(values) * math.log(2 * math.pi) / 2
    return float(-scale - weights @ weights / 2)


def _factor(distances: Floats, length: float, noise: float) -> Floats:
    """Return the Cholesky factor of the covariance of values at points of these distances."""
    covariance = np.exp(-distances / length) + noise * np.eye(len(distances))
    return np.asarray(np.linalg.cholesky(covariance), np.float64)


def expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Return by how much each point is expected to exceed `best`."""
    z = (mean - best) / deviation
    below = np.array([(1 + math.erf(one / math.sqrt(2))) / 2 for one in z.tolist()])
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray((mean - best) * below + deviation * density)


def normal_scores(values: Floats) -> Floats:
    """Return what the ranks of the values would be worth in a normal distribution.

    Accuracies have a long tail of failures, which would make all good networks alike to a model.
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles = np.cumsum(counts) - (counts - 1) / 2  # equal values share their ranks' mean
    scores = np.array([NormalDist().inv_cdf(m / (len(values) + 1)) for m in middles.tolist()])
    return scores[places]
