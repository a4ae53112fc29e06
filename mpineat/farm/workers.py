"""The workers as rank 0 keeps account of them."""

from __future__ import annotations

from dataclasses import dataclass

from mpineat.child.messages import Refusal
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
