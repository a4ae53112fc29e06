"""The queue: what goes out first, and what is expected of it."""

from __future__ import annotations

import pytest

from mpineat.config import Config
from mpineat.farm.waiting import Waiting, makespan
from mpineat.tasks import Seconds, Task
from tests import evaluations


def waiting(*flops: int, workers: int, taught: bool = False) -> list[int]:
    """Return the order in which tasks of so many flops go out."""
    queue = Waiting(Config())
    if taught:
        teach(queue, 5)
    for number, cost in enumerate(flops):
        queue.push(task(number, cost))
    return [queue.pop(workers).flops // 10**6 for _ in flops]


def task(number: int, flops: int, **fields: object) -> Task:
    return evaluations.task(number, flops=flops * 10**6, **fields)


def teach(queue: Waiting, flops: int, seconds: float = 10.0) -> None:
    one = task(99, flops)
    stages = {"train": seconds}
    queue.learn(one, evaluations.outcome(one, seconds=Seconds(total=seconds, stages=stages)))


def test_a_large_batch_begins_with_middling_tasks_and_goes_on_with_the_dearest() -> None:
    order = waiting(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, workers=2)
    assert order == [7, 6, 12, 11, 10, 9, 8, 5, 4, 3, 2, 1]


def test_a_small_batch_of_unknown_length_begins_with_the_dearest() -> None:
    assert waiting(1, 2, 3, workers=2) == [3, 2, 1]


def test_once_seconds_are_known_the_dearest_goes_first_where_that_ends_sooner() -> None:
    uneven = (1, 1, 1, 1, 1, 1, 1, 8)
    assert waiting(*uneven, workers=2, taught=True)[0] == 8
    even = (4, 4, 4, 4, 5, 5, 5, 5)
    assert waiting(*even, workers=2, taught=True)[:2] == [5, 4]


def test_each_generation_is_a_batch_of_its_own() -> None:
    queue = Waiting(Config())
    for _ in range(2):
        for number in range(5):
            queue.push(task(number, number))
        assert [queue.pop(1).flops // 10**6 for _ in range(5)] == [2, 4, 3, 1, 0]


def test_equals_go_out_by_age() -> None:
    queue = Waiting(Config())
    for number in (3, 1, 2):
        queue.push(task(number, 5))
    assert [queue.pop(2).candidate.id for _ in range(3)] == [1, 2, 3]


def test_makespan_is_that_of_workers_who_take_what_comes_next() -> None:
    assert makespan([3, 3, 2, 2, 2], 2) == 7
    assert makespan([2, 2, 2, 3, 3], 2) == 7
    assert makespan([1, 1, 4], 2) == 5


def test_an_evaluation_may_end_in_time_until_it_is_known_that_it_cannot() -> None:
    queue = Waiting(Config())
    assert queue.may_end(task(1, 50), spent=0.0, left=1.0)
    assert not queue.may_end(task(1, 50), spent=0.0, left=0.0)
    teach(queue, 5, seconds=10.0)
    assert not queue.may_end(task(1, 50), spent=10.0, left=25.0)  # takes 100
    assert queue.may_end(task(1, 50), spent=80.0, left=25.0)
    assert queue.may_end(task(1, 50), spent=130.0, left=1.0)  # overdue: any moment


def test_what_is_ahead_is_what_waits_and_the_rest_of_what_runs() -> None:
    queue = Waiting(Config())
    queue.push(task(1, 5))
    assert queue.ahead(()) is None
    teach(queue, 5, seconds=10.0)
    ahead = queue.ahead([(task(2, 5), 4.0), (task(3, 5), 40.0)])
    assert ahead is not None
    assert ahead.seconds == pytest.approx(10.0 + 6.0, rel=0.05)
    assert ahead.usual_seconds == pytest.approx(10.0, rel=0.05)
    assert (ahead.full, ahead.sure) == (3, True)


def test_after_screens_alone_nothing_is_sure() -> None:
    queue = Waiting(Config())
    screen = task(1, 5, stop_after=1)
    seconds = Seconds(total=1.0, stages={"train": 1.0})
    queue.learn(screen, evaluations.outcome(screen, status="discarded", seconds=seconds))
    queue.push(screen)
    ahead = queue.ahead(())
    assert ahead is not None
    assert (ahead.full, ahead.sure) == (0, False)
    assert ahead.usual_seconds == pytest.approx(8.0)
