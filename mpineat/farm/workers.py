"""The workers as rank 0 keeps account of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mpineat.child.messages import Refusal
from mpineat.errors import FarmError, InputError
from mpineat.tasks import Task


@dataclass(slots=True)
class Worker:
    """The changing record of one worker.

    Attributes:
        task, since: What it is busy with, and the Unix time at which it was given; None when free.
        heard: When its last message came, on the clock of the roll call.
        refusal: Why its child cannot start, as it said itself.
    """

    rank: int
    host: str
    device: str = ""
    state: str = "starting"
    task: Task | None = None
    since: float = 0.0
    heard: float = 0.0
    refusal: Refusal | None = None

    @property
    def gone(self) -> bool:
        """Whether nothing can be expected of it."""
        return self.state in ("retired", "lost")


def nobody_left(workers: Collection[Worker]) -> FarmError | InputError:
    """Return what to raise when no worker is left: the input's fault where all children say so."""
    refusals = [worker.refusal for worker in workers if worker.refusal is not None]
    lost = any(worker.state == "lost" for worker in workers)
    if refusals and not lost and all(refusal.input for refusal in refusals):
        return InputError(refusals[0].why)
    return FarmError("no worker is left; the log says why each of them went")
