"""Where the time of one training goes, how long a call may last, and when the time is up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mpineat.cluster import awake
from mpineat.errors import Failure

# A call of the traced loop ends after about so many seconds, so that a deadline is noticed in time.
CHUNK_SECONDS = 2.0
CALLS_AN_EPOCH = 4  # at least, where the caller wants to be called


class TooSlow(Failure):
    """The deadline passed before the training ended."""

    def __init__(self, detail: str) -> None:
        super().__init__("too_slow", "candidate", detail)


class Stopwatch:
    """Measures one training.

    Attributes:
        build_seconds: Of the first step: tracing, and TensorFlow's optimisation of the graph.
        train_seconds, steps: Of all later steps.
        evaluate_seconds: Of the validations.
    """

    def __init__(self, deadline: float | None) -> None:
        """Start; `deadline` is on the clock awake.seconds()."""
        self.deadline = deadline
        self.build_seconds = self.train_seconds = self.evaluate_seconds = 0.0
        self.steps = 0
        self._built = False

    @property
    def step_seconds(self) -> float:
        """Mean of the warm steps; of the first one when there was no other."""
        return self.train_seconds / self.steps if self.steps else self.build_seconds

    def chunk(self, steps_an_epoch: int, *, called: bool) -> int:
        """Return for how many steps the next call should go on."""
        if not self._built:
            return 1  # the first step is timed apart
        longest = steps_an_epoch
        if called:
            longest = -(-steps_an_epoch // CALLS_AN_EPOCH)
        if self.deadline is not None:
            longest = min(longest, int(CHUNK_SECONDS / self.step_seconds))
        return max(1, longest)

    @contextmanager
    def training(self, steps: int) -> Iterator[None]:
        """Time a call of so many steps."""
        started = awake.seconds()
        yield
        seconds = awake.seconds() - started
        if self._built:
            self.train_seconds += seconds
            self.steps += steps
        else:
            self.build_seconds += seconds
            self._built = True

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Time a validation."""
        started = awake.seconds()
        yield
        self.evaluate_seconds += awake.seconds() - started

    def check(self) -> None:
        """Raise TooSlow when the deadline has passed."""
        if self.deadline is not None and awake.seconds() > self.deadline:
            raise TooSlow(
                f"{self.steps + 1} steps of {self.step_seconds:.3f} s reached the deadline"
            )
