"""How long an evaluation will take: non-negative least squares over those that are done."""

from __future__ import annotations

from collections import deque
from itertools import combinations
from operator import mul

import numpy as np
from numpy.typing import NDArray

from mpineat.tasks import Outcome, Task

# Of the features: a constant, flops, values, parameters (these in millions), layers. Before they
# are fitted, what each costs beside a million flops: a value is written and read some ten times in
# a training step, and its map leaves every cache.
FIRST_WEIGHTS: tuple[float, ...] = (0.0, 1.0, 32.0, 0.0, 0.05)
FEATURES = len(FIRST_WEIGHTS)
FEWEST = 2 * FEATURES  # measured evaluations before the fit is believed
FITS_A_DOUBLING = 2  # new fits while the number of measured evaluations doubles
MOST = 500  # measured evaluations that are remembered; the search drifts
SCALED = ("train", "evaluate")  # stages that last as long as there are epochs


class CostModel:
    """Seconds of an evaluation, from its task.

    From the first measured one on they are FIRST_WEIGHTS times what fits best; from FEWEST on every
    weight is fitted.

    Attributes:
        measured: Evaluations that it learnt from.
        full: Of these, trainings of at least the usual epochs.
    """

    def __init__(self, epochs: int) -> None:
        """Begin with nothing measured; a full training takes `epochs`."""
        self._epochs = epochs
        self._features: deque[tuple[float, ...]] = deque(maxlen=MOST)
        self._seconds: deque[float] = deque(maxlen=MOST)  # as of full trainings
        self._scaled: deque[float] = deque(maxlen=MOST)  # what of these lies in SCALED
        self._weights = FIRST_WEIGHTS
        self._growing = 1.0  # share of an evaluation's seconds that lies in SCALED
        self._met = np.zeros(FEATURES)  # sum over the tasks that were met
        self._tasks = 0
        self._unused = 0  # measured evaluations that came after the last fit
        self.measured = self.full = 0

    def meet(self, task: Task) -> None:
        """Know of a task that is to be evaluated."""
        self._met += _features(task)
        self._tasks += 1

    def learn(self, task: Task, outcome: Outcome) -> bool:
        """Add a measured evaluation; return whether predictions changed.

        Failed ones and those at another batch size took another course and teach nothing. What
        stopped after its first epochs, or went on for more, counts as if it had taken the usual.
        """
        total = outcome.seconds.total
        if outcome.status == "failed" or total <= 0 or task.batch_size is not None:
            return False
        share = self._share(task)
        scaled = sum(outcome.seconds.stages.get(stage, 0.0) for stage in SCALED)
        fixed = max(0.0, total - scaled)
        self._features.append(_features(task))
        self._scaled.append(scaled / share)
        self._seconds.append(fixed + scaled / share)
        self.measured += 1
        self.full += share >= 1
        self._unused += 1
        if self.measured > FEWEST and self._unused * FITS_A_DOUBLING < len(self._seconds):
            return False
        self._unused = 0
        self._growing = sum(self._scaled) / sum(self._seconds)
        self._weights = _fit(np.array(self._features), np.array(self._seconds))
        return True

    def seconds(self, task: Task) -> float:
        """Return the expected seconds; before any is measured, a number that orders tasks."""
        scale = 1 - self._growing + self._growing * self._share(task)
        return float(scale * sum(map(mul, self._weights, _features(task))))

    def usual_seconds(self) -> float:
        """Return the expected seconds of a full training, the mean over all tasks that were met."""
        return float(self._met @ self._weights) / max(1, self._tasks)

    def _share(self, task: Task) -> float:
        """Return the epochs of a task as a share of the usual ones."""
        return (task.stop_after or task.epochs(self._epochs)) / self._epochs


def _features(task: Task) -> tuple[float, ...]:
    # millions keep the columns of similar size
    return 1.0, task.flops / 1e6, task.values / 1e6, task.parameters / 1e6, float(task.layers)


def _fit(features: NDArray[np.float64], seconds: NDArray[np.float64]) -> tuple[float, ...]:
    """Return FIRST_WEIGHTS, or from FEWEST on those of _least_squares, with the right sum.

    The least relative errors are too short in sum where seconds scatter.
    """
    few = len(seconds) < FEWEST
    weights = np.array(FIRST_WEIGHTS) if few else _least_squares(features, seconds)
    weights *= seconds.sum() / (features @ weights).sum()
    return tuple(map(float, weights))


def _least_squares(
    features: NDArray[np.float64], seconds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Minimise the relative error with all weights >= 0.

    With five features the exact solution is the best of the 31 unconstrained fits of a subset that
    happen to be non-negative (the optimum's support is one of them).
    """
    rows = features / seconds[:, None]
    target = np.ones(len(seconds))
    best, best_error = np.zeros(FEATURES), np.inf
    for size in range(1, FEATURES + 1):
        for chosen in map(list, combinations(range(FEATURES), size)):
            weights = np.linalg.lstsq(rows[:, chosen], target, rcond=None)[0]
            error = float(np.square(rows[:, chosen] @ weights - target).sum())
            if weights.min() >= 0 and error < best_error:
                best_error, best = error, np.zeros(FEATURES)
                best[chosen] = weights
    return best
