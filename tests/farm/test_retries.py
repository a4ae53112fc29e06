"""What is tried again, where and how often, over a pretended crew."""

from __future__ import annotations

import pytest

from mpineat.child.failures import failed
from mpineat.child.messages import Kind
from mpineat.config import Config
from mpineat.tasks import Outcome, Task
from tests import evaluations
from tests.farm.pretended_crew import Pretended, farm_of


@pytest.fixture
def link() -> Pretended:
    return Pretended()


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

    def exhausted(of: Task) -> Outcome:
        return failed(of, "gpu_memory", "candidate", "")

    link.answer(1, exhausted(task))
    found = farm.poll(0.0)
    if allowed:
        assert found is None
        ((_, task),) = link.given()
        assert task.batch_size == 50
        link.answer(1, exhausted(task))
        found = farm.poll(0.0)
    assert (found.fault, found.reason) == ("candidate", "gpu_memory")
