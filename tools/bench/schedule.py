"""How busy workers are under four orders of dispatch, in simulated time.

"dearest first" and "steady" run the real Farm over pretended workers; the others are what simpler
farms do. An evaluation's seconds are drawn from a log-normal distribution, or from those of a real
run; the farm knows them with an error, as it knows flops.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np

from mpineat.child.messages import Kind, Message
from mpineat.config import Config
from mpineat.farm.dispatch import Farm
from mpineat.genotype.genome import Blueprint, Candidate
from mpineat.store import now
from mpineat.tasks import Outcome, Seconds, Task, outcome_to_bytes, task_from_bytes

PREDICTION_ERROR = 0.3  # sigma of the log of what flops say about seconds


@dataclass
class Workers:
    """A link to workers that sleep in simulated time; `overhead` seconds pass between two tasks."""

    durations: dict[int, float]
    overhead: float
    now: float = 0.0
    events: list[tuple[float, int, int, Message]] = field(default_factory=list)
    given: float = 0.0  # seconds of all tasks that were handed out

    def send(self, rank: int, message: Message) -> None:
        if message.kind != Kind.TASK:
            return
        task = task_from_bytes(message.payload)
        seconds = self.durations[task.candidate.id]
        outcome = Outcome(
            candidate=task.candidate.id,
            network_hash="",
            status="ok",
            seconds=Seconds(total=seconds),
        )
        self.given += seconds
        done = self.now + seconds + self.overhead
        self.at(done, rank, Message(Kind.OUTCOME, outcome_to_bytes(outcome)))

    def at(self, time: float, rank: int, message: Message) -> None:
        heapq.heappush(self.events, (time, len(self.events), rank, message))

    def receive(self, seconds: float) -> tuple[int, Message] | None:
        if not self.events or self.events[0][0] > self.now + seconds:
            self.now += seconds
            return None
        self.now, _, rank, message = heapq.heappop(self.events)
        return rank, message

    def lost(self) -> tuple[int, ...]:
        return ()


def simulate(
    seconds: np.ndarray, workers: int, candidates: int, *, steady: bool, overhead: float = 0.001
) -> float:
    """Return the busy share of `workers` over generations of `candidates` evaluations each.

    A steady farm keeps one more candidate for each worker under way, which `seconds` must include.
    """
    rng = np.random.default_rng(1)
    error = rng.lognormal(0, PREDICTION_ERROR, len(seconds))
    flops = (seconds * error * 1e6).astype(int) + 1
    link = Workers(dict(enumerate(seconds.tolist())), overhead)
    config = Config.model_validate({"farm": {"lost_seconds": 1e9, "beat_seconds": 1e9}})
    crew = [
        now.Worker(rank=rank, host="", device="", state="starting")
        for rank in range(1, workers + 1)
    ]
    farm = Farm(config, link, crew, clock=lambda: link.now)
    for worker in crew:
        link.at(0.0, worker.rank, Message(Kind.READY, b'{"device": ""}'))
    asked = done = 0
    ahead = workers if steady else 0
    for closed in range(candidates, len(seconds) - ahead + 1, candidates):
        while asked < closed + ahead:
            farm.submit(_task(asked, int(flops[asked])))
            asked += 1
        while done < closed:
            done += farm.poll(3600.0) is not None
    # A steady farm is busy until the run ends: what is under way then counts as far as it got.
    under_way = [(time, link.durations[_number(message)]) for time, _, _, message in link.events]
    finished = link.given - sum(s for _, s in under_way)
    partly = sum(s - (time - link.now) for time, s in under_way)
    return float((finished + partly) / (link.now * workers))


def in_order(seconds: np.ndarray, workers: int, candidates: int, *, static: bool) -> float:
    """Return the busy share when tasks are dealt out beforehand, or one by one in order."""
    total = 0.0
    for generation in seconds.reshape(-1, candidates):
        free = [0.0] * workers
        for number, one in enumerate(generation.tolist()):
            if static:
                free[number % workers] += one
            else:
                heapq.heapreplace(free, free[0] + one)
        total += max(free)
    return float(seconds.sum() / (total * workers))


def _number(message: Message) -> int:
    from mpineat.tasks import outcome_from_bytes

    return outcome_from_bytes(message.payload).candidate


def _task(number: int, flops: int) -> Task:
    blueprint = Blueprint(number, (), (), ())
    candidate = Candidate(id=number, generation=0, blueprint=blueprint, modules=())
    return Task(candidate=candidate, network_hash="", seed=0, compress=False, flops=flops)
