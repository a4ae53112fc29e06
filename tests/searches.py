"""Whole searches in this process: dry-run evaluations on pretended workers, in any order."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from mpineat import store
from mpineat.child import dry_run
from mpineat.child.messages import READY, Kind, Message, Ready, Setup
from mpineat.cli.take_up import take_up
from mpineat.cluster.stop import Stop
from mpineat.config import Config
from mpineat.data.dataset import describe
from mpineat.farm.dispatch import Farm
from mpineat.log.progress import Progress
from mpineat.search import Search
from mpineat.store import Generation, directory, now
from mpineat.store.journal import Journal
from mpineat.store.lock import RunLock
from mpineat.tasks import Outcome, Seconds, Task, outcome_to_bytes, task_from_bytes

GENERATIONS, CANDIDATES = 3, 6


def configured(**evolution: Any) -> Config:
    """Return a small dry-run configuration with the given options of its evolution section."""
    sizes = {"generations": GENERATIONS, "candidates": CANDIDATES, "modules": 8, "blueprints": 5}
    plain = {**sizes, "early_discarding": "none"}
    inherit = evolution.pop("inherit", False)
    full_width = evolution.get("strategy") == "morphism"  # which refuses compression
    return Config.model_validate(
        {
            "farm": {"evaluator": "dry_run"},
            "evolution": {**plain, **evolution},
            "compression": {"inherit": inherit, "enabled": not full_width},
        }
    )


class Pretended:
    """A link to workers that evaluate at once; which of them answers first is drawn.

    Attributes:
        trained: Ids of the candidates that were handed out, in order.
    """

    def __init__(self, config: Config, workers: int, order: int) -> None:
        self._evaluate = dry_run.start(Setup(config=config, rank=1, host="node01"))[1]
        self._random = random.Random(order)
        self._busy: dict[int, Task] = {}
        self._ready = list(range(1, workers + 1))
        self.trained: list[int] = []

    def send(self, rank: int, message: Message) -> None:
        """Give a worker its task."""
        if message.kind == Kind.TASK:
            self._busy[rank] = task_from_bytes(message.payload)
            self.trained.append(self._busy[rank].candidate.id)

    def receive(self, seconds: float) -> tuple[int, Message] | None:
        """Return the answer of a random busy worker."""
        if self._ready:
            return self._ready.pop(), Message(Kind.READY, READY.pack(Ready(device="cpu")))
        if not self._busy:
            return None
        rank = self._random.choice(sorted(self._busy))
        outcome = self._evaluate(self._busy.pop(rank))
        return rank, Message(Kind.OUTCOME, outcome_to_bytes(replace(outcome, rank=rank)))

    def lost(self) -> tuple[int, ...]:
        """Return nobody."""
        return ()


def search(
    run_dir: Path,
    config: Config,
    *,
    workers: int = 2,
    order: int = 0,
    accept_damage: bool = False,
) -> list[int]:
    """Start or continue a run as a launch does; return the candidates that were evaluated."""
    directory.create(run_dir)
    link = Pretended(config, workers, order)
    crew = [
        now.Worker(rank=rank, host=f"node{rank:02}", device="cpu", state="starting")
        for rank in range(1, workers + 1)
    ]
    data = describe(config.dataset)
    with RunLock(run_dir) as held:
        origin = take_up(run_dir, config, accept_damage=accept_damage)
        with Journal(run_dir, origin.run_id, held.check) as journal:
            Search(
                config,
                run_dir,
                origin,
                farm=Farm(config, link, crew),
                journal=journal,
                stop=Stop(),
                progress=Progress(config, run_dir),
                shape=data.input_shape,
                classes=data.classes,
            ).run()
    return link.trained


def history(run_dir: Path) -> tuple[Generation, ...]:
    """Return the run's generations, and its final as the last of them where it has ended.

    What may differ between two runs of one seed is left out.
    """
    run = store.read_run(run_dir)
    return tuple(
        replace(
            generation,
            run_id="",
            created="",
            config="",
            seconds=0.0,
            parent_sha256="",
            outcomes=tuple(map(timeless, generation.outcomes)),
        )
        for generation in (*run.generations, *([run.final] if run.final else []))
    )


def timeless(outcome: Outcome) -> Outcome:
    """Return an outcome without where and when it was computed."""
    return replace(outcome, seconds=Seconds(), started=0.0, rank=0, host="", device="", attempts=1)
