"""The predicted speed-up of the thesis's section 4.2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpineat.experiments.prediction import Prediction, predict
from tests.experiments.experiments import FLOPS, KEPT, outcome


def prediction(shrinking: float) -> Prediction:
    return Prediction(
        epochs=8, shrinking_epochs=1, shrinking=shrinking, train_cost=2.0, evaluate_cost=4.0
    )


def test_formula() -> None:
    # c n + d = 20; c k + 20 / 4 = 7
    assert prediction(4.0).speed_up == pytest.approx(20 / 7)


@pytest.mark.parametrize(("shrinking", "gain"), [(1.0, False), (1.11, False), (1.12, True)])
def test_gain_condition_agrees_with_the_speed_up(shrinking: float, gain: bool) -> None:
    found = prediction(shrinking)
    assert found.gain == gain
    assert found.gain == (found.speed_up > 1)


def test_two_shrinking_epochs_divide_twice() -> None:
    found = replace(prediction(2.0), shrinking_epochs=2)
    assert found.kept == pytest.approx(0.25)


def test_costs_are_measured_on_the_plain_networks_and_shrinking_on_the_compressed() -> None:
    plain = [outcome(0, 0.5, compressed=False)]
    compressed = [outcome(0, 0.5, compressed=True)]
    found = predict(plain, compressed, epochs=8, shrinking_epochs=1)
    assert found is not None
    assert found.shrinking == pytest.approx(1 / KEPT)
    assert found.train_cost == pytest.approx(1 / FLOPS)  # 8 seconds for 8 epochs
    assert found.evaluate_cost == pytest.approx(2 / FLOPS)


def test_without_plain_runs_the_compressed_ones_give_the_costs() -> None:
    compressed = [outcome(0, 0.5, compressed=True)]
    found = predict([], compressed, epochs=8, shrinking_epochs=1)
    assert found is not None
    assert found.train_cost == pytest.approx(1 / FLOPS)


def test_failures_and_repeats_cost_nothing() -> None:
    plain = [outcome(0, 0.5, compressed=False)]
    extra = [outcome(1, None, compressed=False), replace(plain[0], candidate=2, reused_from=0)]
    compressed = [outcome(0, 0.5, compressed=True)]
    assert predict(plain, compressed, epochs=8, shrinking_epochs=1) == predict(
        plain + extra, compressed, epochs=8, shrinking_epochs=1
    )


def test_nothing_is_predicted_where_nothing_was_measured() -> None:
    untimed = replace(outcome(0, 0.5, compressed=True), compressed=None)
    assert predict([], [untimed], epochs=8, shrinking_epochs=1) is None
    assert predict([outcome(0, 0.5, compressed=False)], [], epochs=8, shrinking_epochs=1) is None
