"""The cost model finds what evaluations really cost, and orders by flops until it knows."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.farm.costmodel import FEWEST, CostModel
from mpineat.tasks import Seconds
from tests import evaluations


def measured(model: CostModel, count: int, noise: float = 0.0) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        flops, parameters, layers = rng.uniform((1e5, 1e4, 3), (1e8, 3e6, 60))
        task = evaluations.task(
            number, flops=int(flops), parameters=int(parameters), layers=int(layers)
        )
        seconds = 2.0 + 0.3 * flops / 1e6 + 0.1 * int(layers)
        seconds *= rng.lognormal(0, noise)
        model.learn(task, evaluations.outcome(task, seconds=Seconds(total=float(seconds))))


def test_until_enough_is_measured_flops_order_the_queue():
    model = CostModel()
    cheap, dear = (evaluations.task(1, flops=f) for f in (10, 20))
    assert model.seconds(dear) is None
    assert model.orders([cheap, dear]) == [10.0, 20.0]


def test_seconds_are_recovered_from_measurements():
    model = CostModel()
    measured(model, 40)
    task = evaluations.task(99, flops=50_000_000, parameters=1_000_000, layers=20)
    assert model.seconds(task) == pytest.approx(2.0 + 15.0 + 2.0, rel=0.02)


def test_noise_never_makes_a_bigger_network_look_cheaper():
    model = CostModel()
    measured(model, FEWEST, noise=1.0)
    small = evaluations.task(1, flops=1000, parameters=10, layers=3)
    big = evaluations.task(2, flops=2000, parameters=20, layers=6)
    assert model.seconds(big) >= model.seconds(small) > 0


def test_failed_and_shrunk_evaluations_teach_nothing():
    model = CostModel()
    for number in range(5 * FEWEST):
        task = evaluations.task(number)
        assert not model.learn(task, evaluations.fault(task))
        shrunk = evaluations.task(number, batch_size=8)
        assert not model.learn(shrunk, evaluations.outcome(shrunk))
    assert model.seconds(evaluations.task(1)) is None
