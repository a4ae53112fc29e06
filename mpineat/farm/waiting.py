"""The tasks that wait for a worker, and the order in which they go out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

from mpineat.config import Config
from mpineat.farm.costmodel import CostModel
from mpineat.store import now
from mpineat.tasks import Outcome, Task

# What beginning with the middle may lengthen a batch by. Dearest first is the shortest, but its
# first outcomes are late, and of networks that are seldom the best.
LONGER_AT_MOST = 1.05
DOUBT = 1.25  # an evaluation may end so many times sooner than is expected of it
MANY = 2  # times as many tasks as workers; from there on length evens out, whatever comes first

Entry = tuple[bool, float, int, Task]  # whether it comes after the first, -seconds, candidate, task


class Waiting:
    """A priority queue of tasks: a batch begins with middling ones, then come the dearest.

    It begins with the dearest too where that ends it sooner. A batch is what came since the queue
    was empty. Equally dear tasks wait in the order of their candidates.
    """

    def __init__(self, config: Config) -> None:
        """Begin with nothing waiting and nothing measured."""
        epochs = config.training.epochs
        self._costs = {compress: CostModel(epochs) for compress in (False, True)}
        self._heap: list[Entry] = []
        self._begun = False

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[Task]:
        return (task for *_, task in self._heap)

    def push(self, task: Task) -> None:
        """Let `task` wait."""
        if not self._heap:
            self._begun = False
        self._costs[task.compress].meet(task)
        heapq.heappush(self._heap, self._entry(task))

    def pop(self, workers: int) -> Task:
        """Take out the task that is next for one of so many workers."""
        if not self._begun:
            self._begun = True
            self._begin(workers)
        return heapq.heappop(self._heap)[-1]

    def take(self, candidate: int) -> None:
        """Take out the task of `candidate`, if it waits."""
        self._heap = [entry for entry in self._heap if entry[2] != candidate]
        heapq.heapify(self._heap)

    def learn(self, task: Task, outcome: Outcome) -> None:
        """Tell the cost model how long `task` took; the order of those that wait may change."""
        if self._costs[task.compress].learn(task, outcome):
            self._heap = [self._entry(task, later=later) for later, *_, task in self._heap]
            heapq.heapify(self._heap)

    def clear(self) -> None:
        """Forget all that waits."""
        self._heap.clear()

    def may_end(self, task: Task, spent: float, left: float) -> bool:
        """Tell whether an evaluation that has run for `spent` seconds may end in `left` more."""
        cost = self._costs[task.compress]
        known = cost.measured > 0
        return left > 0 and (not known or cost.seconds(task) / DOUBT - spent <= left)

    def ahead(self, running: Iterable[tuple[Task, float]]) -> now.Ahead | None:
        """Return what is expected of the tasks that wait and of those that run.

        Args:
            running: With the seconds for which each has run.
        """
        running = tuple(running)
        tasks = (*self, *(task for task, _ in running))
        kinds = {task.compress for task in tasks}
        costs = [
            c for kind, c in self._costs.items() if kind in kinds or (not kinds and c.measured)
        ]
        if not costs or not all(cost.measured for cost in costs):
            return None
        left = [self._costs[task.compress].seconds(task) - spent for task, spent in running]
        return now.Ahead(
            seconds=sum(max(0.0, seconds) for seconds in left) - sum(e[1] for e in self._heap),
            usual_seconds=sum(cost.usual_seconds() for cost in costs) / len(costs),
            full=sum(not task.stop_after for task in tasks),
            sure=all(cost.full for cost in costs),
        )

    def _entry(self, task: Task, *, later: bool = True) -> Entry:
        return later, -self._costs[task.compress].seconds(task), task.candidate.id, task

    def _begin(self, workers: int) -> None:
        """Move the middle of the batch to its beginning, a task a worker, where that is good."""
        if len(self._heap) <= workers:
            return
        self._heap.sort()
        first = (len(self._heap) - workers) // 2
        middle = slice(first, first + workers)
        dearest = [-seconds for _, seconds, *_ in self._heap]
        other = [*dearest[middle], *dearest[:first], *dearest[middle.stop :]]
        measured = any(self._costs[task.compress].measured for task in self)
        if measured:
            good = makespan(other, workers) <= LONGER_AT_MOST * makespan(dearest, workers)
        else:
            good = len(self._heap) >= MANY * workers
        if good:
            self._heap[middle] = [(False, *entry[1:]) for entry in self._heap[middle]]
            heapq.heapify(self._heap)


def makespan(seconds: Sequence[float], workers: int) -> float:
    """Return when the last of so many workers ends, who take these evaluations in turn."""
    ends = [0.0] * workers
    for one in seconds:
        heapq.heapreplace(ends, ends[0] + one)
    return max(ends)
