"""The farm over pretended workers and a pretended clock: order, faults, losses, late outcomes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from mpineat.child.messages import Kind, Message, notice
from mpineat.errors import FarmError, InputError
from mpineat.tasks import Seconds, Task
from tests import evaluations
from tests.farm.pretended_crew import Pretended, farm_of


@pytest.fixture
def link() -> Pretended:
    return Pretended()


def test_tasks_go_out_in_the_order_of_the_queue(link):
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
    assert order == [4, 2, 3, 1], "a middling one first, then the dearest"


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


def test_a_retired_workers_task_is_no_attempt(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    link.given()
    link.refuse(1, "no driver")
    link.ready(2)
    farm.poll(0.0)
    assert [(rank, task.attempt) for rank, task in link.given()] == [(2, 1)]


def test_without_a_worker_the_farm_says_so(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.refuse(1, "no GPU")
    link.dead = [2]
    with pytest.raises(FarmError, match="no worker is left"):
        farm.poll(1.0)


def test_a_farm_that_winds_down_hands_out_nothing_and_still_collects(link):
    farm = farm_of(1, link)
    farm.submit(evaluations.task(1))
    farm.submit(evaluations.task(2, flops=1))
    link.ready(1)
    farm.poll(0.0)
    assert farm.wind_down(10.0) == (1, 0)
    link.answer(1, evaluations.outcome(evaluations.task(1)))
    assert farm.poll(0.0).candidate == 1
    farm.poll(0.0)
    assert farm.running() == ()
    assert farm.queued() == 1


def test_winding_down_ends_what_cannot_be_done_in_time_and_who_has_nothing_to_do(link):
    farm = farm_of(3, link)
    short, long = evaluations.task(2, flops=10**6), evaluations.task(3, flops=10**9)
    link.ready(1)
    farm.submit(evaluations.task(1, flops=10**6))
    farm.poll(0.0)
    seconds = Seconds(total=10.0, stages={"train": 10.0})
    link.answer(1, evaluations.outcome(evaluations.task(1, flops=10**6), seconds=seconds))
    farm.poll(0.0)
    farm.submit(short)
    farm.submit(long)
    link.ready(2)
    farm.poll(0.0)
    given = {task.candidate.id: rank for rank, task in link.given()}
    assert farm.wind_down(20.0) == (1, 1)
    closed = [rank for rank, message in link.sent if message.kind == Kind.CLOSE]
    assert closed == sorted({1, 2, 3} - {given[2]}), "the long one and the child that still loads"
    assert [running.candidate for running in farm.running()] == [2]
    link.dead = [given[2]]
    assert farm.poll(0.1) is None, "that nobody is left is no failure now"


def test_a_workers_signal_reaches_the_stop(link):
    heard = []
    farm = farm_of(1, link, on_signal=lambda reason, again: heard.append((reason, again)))
    link.incoming.append((1, notice("SIGUSR2", False)))
    farm.poll(0.0)
    assert heard == [("SIGUSR2 on rank 1", False)]


def test_a_rank_that_reports_too_late_is_left_out(link):
    farm = farm_of(1, link)
    link.incoming.append((2, Message(Kind.HELLO)))
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


def test_input_that_every_child_finds_wrong_is_the_users_to_mend(link):
    farm = farm_of(2, link)
    for rank in (1, 2):
        link.refuse(rank, "/data/x.npz: damaged", of_input=True)
    with pytest.raises(InputError, match=r"^/data/x.npz: damaged$"):
        farm.poll(1.0)


def test_one_node_that_cannot_work_leaves_the_verdict_to_the_log(link):
    farm = farm_of(2, link)
    link.refuse(1, "/data/x.npz: no such file", of_input=True)
    link.refuse(2, "no GPU")
    with pytest.raises(FarmError):
        farm.poll(1.0)


@pytest.mark.parametrize("wrong", [{"candidate": 2}, {"network_hash": "f0"}, {"accuracy": None}])
def test_an_outcome_of_something_else_is_an_attempt_that_failed(link, wrong, caplog):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    farm.submit(evaluations.task(2))
    link.ready(1)
    farm.poll(0.0)
    ((_, task),) = link.given()
    assert task.candidate.id == 1
    link.answer(1, replace(evaluations.outcome(task), **wrong))
    farm.poll(0.0)
    link.ready(2)
    farm.poll(0.0)
    given = {task.candidate.id: task.attempt for _, task in link.given()}
    assert given == {1: 2, 2: 1}, "neither of them is lost, and none was answered"
    assert len([r for r in caplog.records if "no outcome of its task" in r.message]) == 1


def test_a_late_outcome_of_another_network_leaves_the_task_in_the_queue(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    ((_, task),) = link.given()
    link.dead = [1]
    farm.poll(0.0)
    link.answer(1, replace(evaluations.outcome(task), network_hash="f0"))
    assert farm.poll(0.0) is None
    link.ready(2)
    farm.poll(0.0)
    assert [task.candidate.id for _, task in link.given()] == [1]


@pytest.mark.parametrize("kind", [Kind.READY, Kind.REFUSED, Kind.SIGNAL])
def test_a_worker_that_talks_nonsense_retires_and_its_task_goes_elsewhere(link, kind):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    link.given()
    link.incoming.append((1, Message(kind, b"nonsense")))
    link.ready(2)
    farm.poll(0.0)
    farm.poll(0.0)
    assert [(rank, task.attempt) for rank, task in link.given()] == [(2, 1)]
    assert [worker.state for worker in farm.workers()] == ["retired", "busy"]
    link.answer(1, evaluations.outcome(evaluations.task(1)))
    farm.poll(0.0)
    assert farm.workers()[0].state == "retired"
