"""How long an evaluation will take: non-negative least squares over those that are done."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mpineat.tasks import Outcome, Task

FEATURES = 4  # a constant, flops, parameters, layers
FEWEST = 2 * FEATURES  # measured evaluations before the fit is believed
FITS_A_DOUBLING = 2  # new fits while the number of measured evaluations doubles
MOST = 500  # measured evaluations that are remembered; the search drifts


class CostModel:
    """Seconds of an evaluation, from its task.

    Until enough is measured, seconds are proportional to flops: the order is all that matters then.
    """

    def __init__(self) -> None:
        """Begin with nothing measured."""
        self._features: deque[tuple[float, ...]] = deque(maxlen=MOST)
        self._seconds: deque[float] = deque(maxlen=MOST)
        self._weights: NDArray[np.float64] | None = None
        self._unused = 0  # measured evaluations that came after the last fit

    def learn(self, task: Task, outcome: Outcome) -> bool:
        """Add a measured evaluation; return whether predictions changed.

        Failed and discarded ones and those at another batch size took another course and teach
        nothing.
        """
        if outcome.status != "ok" or outcome.seconds.total <= 0 or task.batch_size is not None:
            return False
        self._features.append(_features(task))
        self._seconds.append(outcome.seconds.total)
        self._unused += 1
        if len(self._seconds) < FEWEST or self._unused * FITS_A_DOUBLING < len(self._seconds):
            return False
        self._unused = 0
        self._weights = _fit(np.array(self._features), np.array(self._seconds))
        return True

    def seconds(self, task: Task) -> float | None:
        """Return the expected seconds; None before enough is measured."""
        if self._weights is None:
            return None
        return self.orders([task])[0]

    def orders(self, tasks: Sequence[Task]) -> list[float]:
        """Return what the queue is sorted by, for each of `tasks`: larger is dearer."""
        if self._weights is None:
            return [float(task.flops) for task in tasks]
        features = np.array([_features(task) for task in tasks]).reshape(-1, FEATURES)
        return list(map(float, features @ self._weights))


def _features(task: Task) -> tuple[float, ...]:
    # flops and parameters in millions keep the columns of similar size
    return 1.0, task.flops / 1e6, task.parameters / 1e6, float(task.layers)


def _fit(features: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minimise the relative error with all weights >= 0.

    With four features the exact solution is the best of the 15 unconstrained fits of a subset that
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


class Waiting:
    """A priority queue of tasks; equally dear ones wait in the order of their candidates."""

    def __init__(self) -> None:
        """Begin with nothing waiting and nothing measured."""
        self._cost = CostModel()
        self._heap: list[tuple[float, int, Task]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Task]:
        return (task for _, _, task in self._heap)

    def push(self, task: Task) -> None:
        """Let `task` wait."""
        heapq.heappush(self._heap, (-self._cost.orders([task])[0], task.candidate.id, task))

    def pop(self) -> Task:
        """Take out the dearest task."""
        return heapq.heappop(self._heap)[2]

    def take(self, candidate: int) -> None:
        """Take out the task of `candidate`, if it waits."""
        self._heap = [entry for entry in self._heap if entry[1] != candidate]
        heapq.heapify(self._heap)

    def learn(self, task: Task, outcome: Outcome) -> None:
        """Tell the cost model how long `task` took; the order of those that wait may change."""
        if self._cost.learn(task, outcome):
            tasks = [waiting for _, _, waiting in self._heap]
            orders = self._cost.orders(tasks)
            self._heap = [(-o, t.candidate.id, t) for o, t in zip(orders, tasks, strict=True)]
            heapq.heapify(self._heap)

    def clear(self) -> None:
        """Forget all that waits."""
        self._heap.clear()
