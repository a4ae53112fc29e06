"""The way that messages take between rank 0 and its workers, and how to wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mpineat.child.messages import Message

# A blocking receive burns a core under every MPI; looking now and then costs 0.4 % of one.
SHORTEST_PAUSE = 5e-5  # seconds between two looks, growing by half each time
# A wait begins with a pause of a share of the wait before it. The share grows with that wait, up
# to a half after this one: then others need the core, and every look in vain costs them. After a
# short one it is small, for of two ranks that wait for each other each waits out the other's pause.
LONG_WAIT = 4e-3
LONGEST_FIRST_PAUSE = 4e-3
LONGEST_PAUSE = 0.02


class Patience:
    """Growing pauses between two looks for a message, after a long wait from a longer one on.

    Many ranks on few cores wait long for each other, and every look in vain costs the one that is
    waited for.
    """

    def __init__(self) -> None:
        """Begin with short pauses."""
        self._pause = SHORTEST_PAUSE
        self._waited = 0.0  # seconds of pauses since the last message

    def reset(self) -> None:
        """Look often again: something came."""
        share = 0.5 * min(1.0, self._waited / LONG_WAIT)
        self._pause = min(LONGEST_FIRST_PAUSE, max(SHORTEST_PAUSE, share * self._waited))
        self._waited = 0.0

    def pause(self) -> float:
        """Return the seconds until the next look."""
        pause, self._pause = self._pause, min(LONGEST_PAUSE, self._pause * 1.5)
        self._waited += pause
        return pause


class Link(Protocol):
    """How messages reach the workers: over MPI, or in place when there is one rank."""

    def send(self, rank: int, message: Message) -> None:
        """Send without waiting."""

    def receive(self, seconds: float) -> tuple[int, Message] | None:
        """Return the next message and its worker's rank; waits at most `seconds`, idly."""

    def lost(self) -> Sequence[int]:
        """Return ranks that MPI reported dead since the last call."""


class Mailbox(Link, Protocol):
    """The MPI job, as farm.mpi.World implements it.

    Attributes:
        rank, size: Of this process, and of the job.
        leader: Lowest rank on this node.
        library: The MPI library's name and version.
    """

    rank: int
    size: int
    leader: int
    library: str

    def reported_dead(self) -> frozenset[int]:
        """Return all ranks that MPI itself knows to be dead."""

    def abort(self, code: int) -> None:
        """End every rank at once."""

    def finalize(self) -> None:
        """Leave MPI; every rank that lives must."""
