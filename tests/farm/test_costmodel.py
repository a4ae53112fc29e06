"""The cost model finds what evaluations really cost, and has an order until it knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from mpineat.farm.costmodel import FEWEST, CostModel
from mpineat.tasks import Seconds, Task
from tests import evaluations

EPOCHS = 8


def seconds_of(task: Task, share: float = 1.0) -> Seconds:
    train = share * (0.3 * task.flops / 1e6 + 20 * task.values / 1e6 + 0.1 * task.layers)
    return Seconds(total=2.0 + train, stages={"build": 2.0, "train": train})


def some(count: int, **fields: object) -> Iterator[Task]:
    rng = np.random.default_rng(0)
    for number in range(count):
        flops, values, parameters, layers = rng.uniform((1e5, 1e3, 1e4, 3), (1e8, 1e6, 3e6, 60))
        sizes = {"flops": flops, "values": values, "parameters": parameters, "layers": layers}
        yield evaluations.task(number, **{k: int(v) for k, v in sizes.items()}, **fields)


def measured(count: int, noise: float = 0.0, **fields: object) -> CostModel:
    model, rng = CostModel(EPOCHS), np.random.default_rng(1)
    for task in some(count, **fields):
        seconds = seconds_of(task, (task.stop_after or EPOCHS) / EPOCHS)
        total = seconds.total * float(rng.lognormal(0, noise))
        model.learn(task, evaluations.outcome(task, seconds=replace(seconds, total=total)))
    return model


TASK = evaluations.task(99, flops=50_000_000, values=200_000, parameters=1_000_000, layers=20)


def test_before_anything_is_measured_flops_and_memory_traffic_tell_the_dearer():
    model = CostModel(EPOCHS)
    few, many = (evaluations.task(1, flops=f) for f in (10, 20))
    assert model.seconds(few) < model.seconds(many)
    wide = evaluations.task(1, flops=8_000_000, values=2_000_000)
    assert model.seconds(wide) > model.seconds(TASK)
    assert not model.measured


def test_the_first_measurement_gives_seconds():
    model = CostModel(EPOCHS)
    model.learn(TASK, evaluations.outcome(TASK, seconds=Seconds(total=30.0)))
    assert model.seconds(TASK) == pytest.approx(30.0)
    smaller = replace(TASK, flops=TASK.flops // 2)
    assert 10.0 < model.seconds(smaller) < 30.0


def test_seconds_are_recovered_from_measurements():
    model = measured(40)
    assert model.seconds(TASK) == pytest.approx(2.0 + 15.0 + 4.0 + 2.0, rel=0.02)
    assert model.full == 40


def test_screens_teach_by_their_share_and_are_as_short():
    model = measured(40, stop_after=1)
    full = seconds_of(TASK).total
    assert model.seconds(TASK) == pytest.approx(full, rel=0.05)
    screen = replace(TASK, stop_after=1)
    assert full / 8 < model.seconds(screen) < full / 3
    assert model.full == 0, "no full training is known"
    longer = replace(TASK, context={"epochs": 16.0})
    assert model.seconds(longer) > 1.8 * model.seconds(TASK)


def test_noise_never_makes_a_bigger_network_look_cheaper():
    model = measured(FEWEST, noise=1.0)
    small = evaluations.task(1, flops=1000, parameters=10, layers=3)
    big = evaluations.task(2, flops=2000, values=10, parameters=20, layers=6)
    assert model.seconds(big) >= model.seconds(small) >= 0


def test_where_seconds_scatter_their_sum_is_right():
    model, spent = CostModel(EPOCHS), 0.0
    rng = np.random.default_rng(2)
    for task in some(40):
        total = seconds_of(task).total * float(rng.lognormal(0, 0.7))
        model.learn(task, evaluations.outcome(task, seconds=Seconds(total=total)))
        spent += total
    expected = sum(model.seconds(task) for task in some(40))
    assert expected == pytest.approx(spent, rel=1e-6)


def test_failed_and_shrunk_evaluations_teach_nothing():
    model = CostModel(EPOCHS)
    for number in range(5 * FEWEST):
        task = evaluations.task(number)
        assert not model.learn(task, evaluations.fault(task))
        shrunk = evaluations.task(number, batch_size=8)
        assert not model.learn(shrunk, evaluations.outcome(shrunk))
    assert not model.measured


def test_the_usual_training_is_the_mean_of_those_that_were_met():
    model = measured(40)
    for task in (TASK, replace(TASK, flops=0, stop_after=1)):
        model.meet(task)
    assert model.usual_seconds() == pytest.approx(23.0 - 7.5, rel=0.02)
