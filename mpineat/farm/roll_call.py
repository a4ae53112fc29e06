"""Who of the crew fell silent: rank 0 calls the roll, and excuses what it did not hear itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from mpineat import config
from mpineat.cluster.awake import Awake
from mpineat.farm.workers import Worker

log = logging.getLogger(__name__)


class Silence:
    """When each worker was last heard, and what that means."""

    def __init__(
        self, farm: config.Farm, workers: Collection[Worker], clock: Callable[[], float]
    ) -> None:
        """Begin with all `workers` just heard."""
        self._farm = farm
        self._workers = workers
        # While rank 0 itself does not listen (it breeds, it writes, the job is suspended) nobody is
        # silent.
        self._clock = Awake(farm.beat_seconds, clock)
        self._called = self._clock()

    def listened(self) -> None:
        """Note that rank 0 looked for messages just now."""
        self._clock()

    def heard(self, worker: Worker) -> None:
        """Note a message of `worker`."""
        worker.heard = self._clock()

    def roll_call(self) -> tuple[list[Worker], list[Worker]]:
        """Return the workers silent for too long, and those to ask for a beat.

        Both are empty but every farm.beat_seconds.
        """
        now = self._clock()
        if now - self._called < self._farm.beat_seconds:
            return [], []
        self._called = now
        silent, present = [], []
        for worker in self._workers:
            if worker.gone:
                continue
            seconds = now - worker.heard
            if seconds <= self._farm.lost_seconds:
                present.append(worker)
                continue
            log.error(
                "rank %d on %s is silent for %.0f s: given up", worker.rank, worker.host, seconds
            )
            silent.append(worker)
        return silent, present
