"""The tasks that wait for a worker, dearest first, by a cost model that learns from outcomes."""

from __future__ import annotations

import heapq

from mpineat.costmodel import CostModel
from mpineat.tasks import Outcome, Task


class Waiting:
    """A priority queue of tasks; equally dear ones wait in the order of their candidates."""

    def __init__(self) -> None:
        """Begin with nothing waiting and nothing measured."""
        self._cost = CostModel()
        self._heap: list[tuple[float, int, Task]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, task: Task) -> None:
        """Let `task` wait."""
        heapq.heappush(self._heap, (-self._cost.orders([task])[0], task.candidate.id, task))

    def pop(self) -> Task:
        """Take out the dearest task."""
        return heapq.heappop(self._heap)[2]

    def take(self, candidate: int) -> Task | None:
        """Take out the task of `candidate`; None when it does not wait."""
        for entry in self._heap:
            if entry[1] == candidate:
                self._heap.remove(entry)
                heapq.heapify(self._heap)
                return entry[2]
        return None

    def learn(self, task: Task, outcome: Outcome) -> None:
        """Tell the cost model how long `task` took; the order of those that wait may change."""
        if self._cost.learn(task, outcome):
            tasks = [waiting for _, _, waiting in self._heap]
            orders = self._cost.orders(tasks)
            self._heap = [(-o, t.candidate.id, t) for o, t in zip(orders, tasks, strict=True)]
            heapq.heapify(self._heap)

    def expected_seconds(self, task: Task) -> float | None:
        """Return how long `task` will take; None before enough was measured."""
        return self._cost.seconds(task)

    def clear(self) -> None:
        """Forget all that waits."""
        self._heap.clear()
