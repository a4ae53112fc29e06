"""A clock that all but stands still while the batch system has the job suspended.

bstop, scontrol suspend, gang scheduling and ^Z stop every process by a signal that none can catch,
and the system's clocks run on. Whoever waits for another must not count the time in which it did
not listen itself; whoever has a deadline must not lose the time in which it could not work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache

# A process that works looks at its clock more often; much less would call a slow disk a suspension.
LONGEST_SECONDS = 5.0
LOOK_SECONDS = 1.0


class Awake:
    """A clock that its owner looks at often: at most `longest` seconds pass between two looks."""

    def __init__(
        self, longest: float = LONGEST_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin at 0; `clock` is one that never goes back."""
        self._longest, self._clock = longest, clock
        self._lock = threading.Lock()
        self._seconds, self._looked = 0.0, clock()

    def __call__(self) -> float:
        """Return the seconds since the beginning, without the suspensions."""
        with self._lock:
            now = self._clock()
            self._seconds += min(now - self._looked, self._longest)
            self._looked = now
            return self._seconds


_of_this_process = Awake()


def seconds() -> float:
    """Return this process's seconds, for one that is busy too long to look itself."""
    _look_often()
    return _of_this_process()


@cache
def _look_often() -> None:
    def look() -> None:
        never = threading.Event()
        while not never.wait(LOOK_SECONDS):
            _of_this_process()

    threading.Thread(target=look, name="awake", daemon=True).start()
