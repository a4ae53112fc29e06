"""Silent workers are given up; late ones are heard all the same."""

from __future__ import annotations

import pytest

from mpineat.child.messages import Kind, Message
from tests import evaluations
from tests.farm.pretended_crew import Pretended, farm_of


@pytest.fixture
def link() -> Pretended:
    return Pretended()


def test_a_silent_worker_is_given_up_and_its_task_goes_elsewhere(link):
    farm = farm_of(2, link, evaluations.config(lost_seconds=60.0, beat_seconds=5.0))
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    link.given()
    for _ in range(40):  # rank 2 beats, rank 1 does not
        link.beat(2, "starting")
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


def test_a_suspension_amid_the_listening_costs_nobody_either(link, monkeypatch):
    farm = farm_of(1, link, evaluations.config(lost_seconds=60.0))
    farm.poll(0.0)

    def wake_up(seconds: float) -> None:
        link.now += 3600.0

    monkeypatch.setattr(link, "receive", wake_up)
    farm.poll(0.0)
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


def test_garbage_after_a_late_outcome_changes_nothing(link):
    farm = farm_of(2, link)
    farm.submit(evaluations.task(1))
    link.ready(1)
    farm.poll(0.0)
    ((first, task),) = link.given()
    link.dead = [first]
    link.ready(2)
    farm.poll(0.0)
    assert [rank for rank, _ in link.given()] == [2]
    link.answer(first, evaluations.outcome(task))
    assert farm.poll(0.0) is not None
    link.incoming.append((2, Message(Kind.OUTCOME, b"garbage")))
    assert farm.poll(0.0) is None
    assert farm.queued() == 0
