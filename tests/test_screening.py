"""Early discarding: who passes, what the others count for, and what elites are made of."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from mpineat import screening
from mpineat.config import Config, Evolution, Training
from mpineat.tasks import Epoch, Outcome

CONFIG = Config.model_validate(
    {"evolution": {"early_discarding": "screen", "candidates": 3}, "training": {"epochs": 8}}
)


def screened(candidate: int, loss: float, network: str = "", flops: int = 10) -> Outcome:
    first = Epoch(epoch=1, loss=loss, accuracy=0.3, val_loss=loss, val_accuracy=0.3)
    return Outcome(
        candidate=candidate,
        network_hash=network or str(candidate),
        status="discarded",
        curve=(first,),
        flops_after=flops,
    )


def in_full(outcome: Outcome, accuracy: float) -> Outcome:
    return replace(outcome, status="ok", accuracy=accuracy, curve=outcome.curve * 8)


def failed(candidate: int) -> Outcome:
    return Outcome(
        candidate=candidate, network_hash="f", status="failed", fault="candidate", reason="nan"
    )


def test_the_best_third_of_the_different_networks_passes_with_its_twins() -> None:
    outcomes = [
        screened(0, 1.5),
        screened(1, 1.1, "twin"),
        screened(2, 1.1, "twin"),
        failed(3),
        screened(4, 1.2),
        screened(5, math.nan),
        screened(6, 1.3),
    ]
    assert screening.passing(outcomes, CONFIG) == {1, 2, 4}  # 2 of 5 networks


def test_one_that_is_trained_already_takes_its_place() -> None:
    outcomes = [in_full(screened(0, 1.0), 0.9), screened(1, 1.1), screened(2, 1.2)]
    assert screening.passing(outcomes, CONFIG) == {0}


def test_equal_losses_are_told_apart_by_flops_not_by_order() -> None:
    outcomes = [screened(0, 1.0, flops=9), screened(1, 1.0, flops=5), screened(2, 1.0, flops=7)]
    assert screening.passing(outcomes, CONFIG) == {1}
    assert screening.passing(outcomes[::-1], CONFIG) == {1}


def test_estimates_lie_on_a_line_within_what_was_seen() -> None:
    outcomes = [
        in_full(screened(0, 1.0), 0.8),
        in_full(screened(1, 1.2), 0.7),
        screened(2, 1.4),
        screened(3, 9.0),
        screened(4, math.inf),
        failed(5),
    ]
    found = screening.estimated(outcomes, CONFIG)
    assert [o.estimate for o in found] == pytest.approx([None, None, 0.6, 0.3, 0.3, None])
    assert [o.accuracy for o in found] == [0.8, 0.7, None, None, None, None]


def test_where_better_losses_came_to_less_the_loss_says_nothing() -> None:
    outcomes = [in_full(screened(0, 1.0), 0.7), in_full(screened(1, 1.2), 0.8), screened(2, 1.4)]
    assert screening.estimated(outcomes, CONFIG)[2].estimate == pytest.approx(0.3)


def test_without_anything_to_shorten_all_are_trained_in_full() -> None:
    short = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"epochs": 1})})
    assert screening.epochs(CONFIG) == 1
    none = Config(evolution=Evolution(early_discarding="none"))
    assert screening.epochs(short) == screening.epochs(none) == 0
    assert screening.work(short) == 1.0
    assert screening.work(CONFIG) == pytest.approx(1 / 8 + 1 / 3)


@pytest.mark.parametrize(
    ("examples", "batch_size", "epochs"),
    [(8500, 128, 1), (3400, 128, 3), (1006, 32, 2), (10, 128, 60)],
)
def test_a_screen_has_steps_enough_to_tell_networks_apart(
    examples: int, batch_size: int, epochs: int
) -> None:
    config = Config(training=Training(epochs=100, batch_size=batch_size))
    assert screening.epochs(screening.settled(config, examples)) == epochs
    chosen = Config(evolution=Evolution(screen_epochs=5))
    assert screening.settled(chosen, examples) == chosen


def test_a_search_that_never_waits_compares_with_the_last_ones() -> None:
    window = screening.Window(CONFIG, [screened(0, 2.0), failed(1), screened(2, 1.8)])
    assert window.passes(screened(3, 1.0))
    assert not window.passes(screened(4, 1.5))
    assert window.passes(screened(5, 0.9))
