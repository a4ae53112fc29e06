"""A pretended crew for tests of the farm: workers that do what the test says, and its clock."""

from __future__ import annotations

from typing import Any

from mpineat.child import messages
from mpineat.child.messages import Beat, Kind, Message, Ready, refused
from mpineat.config import Config
from mpineat.farm.dispatch import Farm
from mpineat.store import now
from mpineat.tasks import Outcome, Task, outcome_to_bytes, task_from_bytes
from tests import evaluations


class Pretended:
    """A link whose workers do what the test says, and the clock that they share."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[tuple[int, Message]] = []
        self.incoming: list[tuple[int, Message]] = []
        self.dead: list[int] = []

    def send(self, rank: int, message: Message) -> None:
        self.sent.append((rank, message))

    def receive(self, seconds: float) -> tuple[int, Message] | None:
        if self.incoming:
            return self.incoming.pop(0)
        self.now += seconds
        return None

    def lost(self) -> list[int]:
        dead, self.dead = self.dead, []
        return dead

    def given(self) -> list[tuple[int, Task]]:
        """Return the tasks handed out since the last call."""
        tasks = [(r, task_from_bytes(m.payload)) for r, m in self.sent if m.kind == Kind.TASK]
        self.sent = []
        return tasks

    def ready(self, *ranks: int) -> None:
        for rank in ranks:
            self.incoming.append(
                (rank, Message(Kind.READY, messages.READY.pack(Ready(device="a GPU"))))
            )

    def answer(self, rank: int, outcome: Outcome, kind: Kind = Kind.OUTCOME) -> None:
        self.incoming.append((rank, Message(kind, outcome_to_bytes(outcome))))

    def beat(self, rank: int, state: str) -> None:
        self.incoming.append((rank, Message(Kind.BEAT, messages.BEAT.pack(Beat(state=state)))))

    def refuse(self, rank: int, why: str, *, of_input: bool = False) -> None:
        self.incoming.append((rank, refused(why, of_input=of_input)))


def farm_of(ranks: int, link: Pretended, config: Config | None = None, **more: Any) -> Farm:
    crew = [
        now.Worker(rank=r, host=f"node{r}", device="", state="starting")
        for r in range(1, ranks + 1)
    ]
    return Farm(config or evaluations.config(), link, crew, clock=lambda: link.now, **more)
