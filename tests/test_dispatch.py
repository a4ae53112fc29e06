"""The farm over pretended workers and a pretended clock: order, faults, losses, late outcomes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from mpineat.config import Config
from mpineat.crew import WorkerInfo
from mpineat.dispatch import Farm
from mpineat.errors import FarmError
from mpineat.pipe import Kind
from mpineat.tasks import Outcome, Seconds, Task, outcome_to_bytes, task_from_bytes
from mpineat.worker import Message
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
            self.incoming.append((rank, Message(Kind.READY, b'{"device": "a GPU"}')))

    def answer(self, rank: int, outcome: Outcome, kind: Kind = Kind.OUTCOME) -> None:
        self.incoming.append((rank, Message(kind, outcome_to_bytes(outcome))))

    def say(self, rank: int, kind: Kind, **value: Any) -> None:
        self.incoming.append((rank, Message(kind, json.dumps(value).encode())))


def farm_of(ranks: int, link: Pretended, config: Config | None = None, **more: Any) -> Farm:
    crew = [
        WorkerInfo(rank=r, host=f"node{r}", device="", state="starting")
        for r in range(1, ranks + 1)
    ]
    return Farm(config or evaluations.config(), link, crew, clock=lambda: link.now, **more)


@pytest.fixture
def link() -> Pretended:
    return Pretended()


def test_the_dearest_task_goes_first_and_equals_by_age(link):
    farm = farm_of(1, link)
    for number, flops in [(1, 10), (2, 30), (3, 20), (4, 30)]:
        farm.submit(evaluations.task(number, flops=flops))
    link.ready(1)
    order = []
    for _ in range(4):
        farm.poll(0.0)
        ((rank, task),) = link.given()
        order.append(task.candidate.id)
        link.answer(rank, evaluations.outcome(task))
        assert farm.poll(0.0).candidate == task.candidate.id
    assert order == [2, 4, 3, 1]


def test_an_outcome_tells_its_wait_its_device_and_its_attempts(link):
    farm = farm_of(1, link)
    farm.submit(evaluations.task(1))
    farm.poll(7.0)
    link.ready(1)
    farm.poll(0.0)
    link.now += 3.0
    link.answer(1, evaluations.outcome(evaluations.task(1), seconds=Seconds(total=3.0)))
    found = farm.poll(0.0)
    assert found.seconds.queue == pytest.approx(7.0)
    assert (found.device, found.attempts) == ("a GPU", 1)


def test_running_queued_and_workers_say_what_is_going_on(link):
    farm = farm_of(2, link)
    for number in (1, 2, 3):
        farm.submit(evaluations.task(number, flops=number))
    link.ready(2)
    farm.poll(0.0)
    farm.poll(0.0)
    assert [(r.rank, r.candidate, r.host, r.device) for r in farm.running()] == [
        (2, 3, "node2", "a GPU")
    ]
    assert farm.queued() == 2
    assert [w.state for w in farm.workers()] == ["starting", "busy"]


def test_a_machines_fault_is_tried_again_elsewhere(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1, 2)
    farm.poll(0.0)
    ((first, task),) = link.given()
    link.answer(first, evaluations.fault(task), Kind.FAULT)
    link.ready(first)
    assert farm.poll(0.0) is None
    ((second, again),) = link.given()
    assert second != first
    assert again.attempt == 2
    link.answer(second, evaluations.outcome(again))
    assert farm.poll(0.0).status == "ok"


def test_a_retry_waits_for_another_worker_rather_than_taking_the_same(link):
    farm = farm_of(2, link)
    link.ready(1)
    farm.submit(evaluations.task(1))
    farm.poll(0.0)
    link.answer(1, evaluations.fault(evaluations.task(1)), Kind.FAULT)
    link.ready(1)
    farm.submit(evaluations.task(2, flops=1))
    farm.poll(0.0)
    assert [(r.rank, r.candidate) for r in farm.running()] == [(1, 2)], "others may pass meanwhile"
    link.ready(2)
    farm.poll(0.0)
    assert (2, 1) in [(r.rank, r.candidate) for r in farm.running()]


def test_one_worker_alone_gets_the_retry_itself(link):
    farm = farm_of(1, link)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    link.answer(1, evaluations.fault(evaluations.task(1)), Kind.FAULT)
    link.ready(1)
    farm.poll(0.0)
    assert [task.attempt for _, task in link.given()] == [1, 2]


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_candidate_that_kills_every_child_is_given_up_with_its_reason(link, attempts):
    farm = farm_of(1, link, evaluations.config(attempts=attempts))
    farm.submit(evaluations.task(1))
    link.ready(1)
    found = None
    for attempt in range(1, attempts + 1):
        assert found is None
        farm.poll(0.0)
        ((_, task),) = link.given()
        link.answer(1, evaluations.fault(task), Kind.FAULT)
        link.ready(1)
        found = farm.poll(0.0)
        assert task.attempt == attempt
    assert (found.status, found.fault, found.reason) == ("failed", "machine", "killed")
    assert found.attempts == attempts
    assert farm.queued() == 0


@pytest.mark.parametrize("allowed", [False, True])
def test_exhausted_gpu_memory_halves_the_batch_once_if_allowed(link, allowed):
    config = Config.model_validate({"training": {"shrink_batch": allowed, "batch_size": 100}})
    farm = farm_of(1, link, config)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    ((_, task),) = link.given()
    exhausted = {"status": "failed", "fault": "candidate", "reason": "gpu_memory"}
    link.answer(1, evaluations.outcome(task, **exhausted))
    found = farm.poll(0.0)
    if allowed:
        assert found is None
        ((_, task),) = link.given()
        assert task.batch_size == 50
        link.answer(1, evaluations.outcome(task, **exhausted))
        found = farm.poll(0.0)
    assert (found.fault, found.reason) == ("candidate", "gpu_memory")


def test_a_silent_worker_is_given_up_and_its_task_goes_elsewhere(link):
    farm = farm_of(2, link, evaluations.config(lost_seconds=60.0, beat_seconds=5.0))
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    link.given()
    for _ in range(40):  # rank 2 beats, rank 1 does not
        link.say(2, Kind.BEAT, state="starting")
        farm.poll(2.0)
    assert [w.state for w in farm.workers()] == ["lost", "starting"]
    assert farm.lost() == (1,)
    link.ready(2)
    farm.poll(0.0)
    assert [(rank, task.attempt) for rank, task in link.given()] == [(2, 2)]


def test_silence_while_rank_0_did_not_listen_costs_nobody(link):
    farm = farm_of(1, link, evaluations.config(lost_seconds=60.0))
    farm.poll(0.0)
    link.now += 3600.0  # breeding, writing, or the whole job suspended
    farm.poll(0.0)
    assert farm.workers()[0].state == "starting"


def test_a_late_outcome_counts_and_its_worker_is_taken_back(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1, 2)
    farm.poll(0.0)
    ((slow, task),) = link.given()
    other = 3 - slow
    link.dead = [slow]
    farm.poll(0.0)
    ((rank, again),) = link.given()
    assert (rank, again.attempt) == (other, 2)
    link.answer(slow, evaluations.outcome(task, accuracy=0.7))
    assert farm.poll(0.0).accuracy == 0.7
    link.answer(other, evaluations.outcome(again))
    assert farm.poll(0.0) is None, "the second answer must not count twice"
    assert [w.state for w in farm.workers()] == ["idle", "idle"]


def test_a_late_outcome_takes_its_task_out_of_the_queue(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    ((_, task),) = link.given()
    link.dead = [1]
    farm.poll(0.0)
    assert farm.queued() == 1
    link.answer(1, evaluations.outcome(task))
    assert farm.poll(0.0).candidate == 1
    assert farm.queued() == 0


def test_a_retired_workers_task_is_no_attempt(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    link.given()
    link.incoming.append((1, Message(Kind.REFUSED, b"no driver")))
    link.ready(2)
    farm.poll(0.0)
    assert [(rank, task.attempt) for rank, task in link.given()] == [(2, 1)]


def test_without_a_worker_the_farm_says_so(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.incoming.append((1, Message(Kind.REFUSED, b"no GPU")))
    link.dead = [2]
    with pytest.raises(FarmError, match="no worker is left"):
        farm.poll(1.0)


def test_a_farm_on_hold_hands_out_nothing_and_still_collects(link):
    farm = farm_of(1, link)
    farm.submit(evaluations.task(1))
    farm.submit(evaluations.task(2, flops=1))
    link.ready(1)
    farm.poll(0.0)
    farm.hold()
    link.answer(1, evaluations.outcome(evaluations.task(1)))
    assert farm.poll(0.0).candidate == 1
    farm.poll(0.0)
    assert farm.running() == ()
    assert farm.queued() == 1


def test_a_workers_signal_reaches_the_stop(link):
    heard = []
    farm = farm_of(1, link, on_signal=lambda reason, again: heard.append((reason, again)))
    link.say(1, Kind.SIGNAL, reason="SIGUSR2", again=False)
    farm.poll(0.0)
    assert heard == [("SIGUSR2 on rank 1", False)]


def test_a_rank_that_reports_too_late_is_left_out(link):
    farm = farm_of(1, link)
    link.say(2, Kind.HELLO, host="slow")
    assert farm.poll(0.0) is None
    assert [worker.rank for worker in farm.workers()] == [1]


def test_closing_ends_every_child_but_the_lost(link):
    farm = farm_of(3, link)
    link.dead = [2]
    farm.poll(0.0)
    link.sent = []
    farm.close()
    assert [(r, m.kind) for r, m in link.sent] == [(1, Kind.CLOSE), (3, Kind.CLOSE)]


@pytest.mark.parametrize("seed", range(60))
def test_every_task_ends_in_exactly_one_outcome_whatever_fails(link, seed):
    rng = random.Random(seed)
    farm = farm_of(4, link)
    for number in range(30):
        farm.submit(evaluations.task(number, flops=number))
    link.ready(1, 2, 3, 4)
    busy: dict[int, Task] = {}
    found: list[int] = []
    while len(found) < 30:
        if outcome := farm.poll(0.1):
            found.append(outcome.candidate)
        busy.update(link.given())
        rank = rng.choice(range(1, 5))
        if rank not in busy:
            continue
        event = rng.random()
        if event < 0.2:
            link.answer(rank, evaluations.fault(busy.pop(rank)), Kind.FAULT)
            link.ready(rank)
        elif event < 0.3:
            link.dead.append(rank)  # its answer may still come, late
            if rng.random() < 0.5:
                busy.pop(rank)
                link.ready(rank)
        else:
            link.answer(rank, evaluations.outcome(busy.pop(rank)))
    assert sorted(found) == list(range(30))
    assert farm.poll(0.0) is None
