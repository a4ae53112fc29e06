"""Whether a task is tried again: after a machine's fault, or at half the batch size."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from mpineat.child.failures import failed
from mpineat.config import Config
from mpineat.farm.workers import Worker
from mpineat.tasks import Outcome, Task

log = logging.getLogger(__name__)


class Retries:
    """The attempts at each task, and where those failed that were the machine's fault."""

    def __init__(self, config: Config) -> None:
        """Begin with no failure."""
        self._attempts = config.farm.attempts
        self._batch_size = config.training.batch_size
        self._shrink_batch = config.training.shrink_batch
        self._failed_on: dict[int, set[int]] = {}  # candidate -> ranks

    def failed_on(self, candidate: int) -> Collection[int]:
        """Return the ranks where `candidate` failed by the machine's fault."""
        return self._failed_on.get(candidate, ())

    def forget(self, candidate: int) -> None:
        """Forget `candidate`, whose outcome stands."""
        self._failed_on.pop(candidate, None)

    def again(self, task: Task, outcome: Outcome, worker: Worker) -> Task | None:
        """Return the task to queue once more after `outcome`; None: the outcome stands."""
        if outcome.fault == "machine":
            return self._elsewhere(task, outcome, worker)
        smaller = (task.batch_size or self._batch_size) // 2
        if outcome.reason != "gpu_memory" or task.batch_size is not None or not smaller:
            return None
        if not self._shrink_batch:
            return None
        log.warning(
            "candidate %d: GPU memory exhausted, once more at batch %d", outcome.candidate, smaller
        )
        return replace(task, batch_size=smaller, attempt=task.attempt + 1)

    def _elsewhere(self, task: Task, outcome: Outcome, worker: Worker) -> Task | None:
        number = task.candidate.id
        where = f"rank {worker.rank} on {worker.host}"
        if task.attempt < self._attempts:
            log.warning(
                "candidate %d: %s on %s (%s); tried again",
                number,
                outcome.reason,
                where,
                outcome.detail,
            )
            self._failed_on.setdefault(number, set()).add(worker.rank)
            return replace(task, attempt=task.attempt + 1)
        log.warning(
            "candidate %d: %s on %s (%s); given up after %d attempts",
            number,
            outcome.reason,
            where,
            outcome.detail,
            task.attempt,
        )
        return None


def no_outcome(task: Task, worker: Worker, reason: str, detail: str) -> Outcome:
    """Return the outcome of `task` when none came from `worker`."""
    return failed(task, reason, "machine", detail, rank=worker.rank, host=worker.host)
