"""Who enters a final, and who wins it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpineat import finalists
from mpineat.config import Config
from mpineat.tasks import Outcome


def found(candidate: int, accuracy: float | None, network: str, flops: int = 10) -> Outcome:
    return Outcome(
        candidate=candidate,
        network_hash=network,
        status="failed" if accuracy is None else "ok",
        accuracy=accuracy,
        flops_before=3 * flops,
        flops_after=flops,
    )


def trained(candidate: int, accuracy: float | None, network: str, seed: int) -> Outcome:
    return replace(
        found(candidate, accuracy, network), context={"epochs": 4.0, "seed": float(seed)}
    )


SEARCHED = (
    found(0, 0.90, "a"),
    found(1, None, "b"),
    found(2, 0.95, "c"),
    found(3, 0.95, "c", flops=9),  # the same network, narrowed further in another generation
    found(4, 0.80, "d"),
    found(5, 0.90, "a"),
)


def test_the_best_of_each_network_enters_and_no_failed_one() -> None:
    assert [o.candidate for o in finalists.entrants(SEARCHED, 2)] == [3, 0]
    assert [o.candidate for o in finalists.entrants(SEARCHED, 9)] == [3, 0, 4]
    assert finalists.entrants(SEARCHED, 0) == ()


def test_the_best_mean_wins_under_the_name_that_the_search_gave_it() -> None:
    final = [trained(9, 0.99, "c", 1), trained(8, 0.91, "c", 0)]
    final += [trained(6, 0.96, "a", 0), trained(7, 0.96, "a", 1)]
    first, second = finalists.standing(SEARCHED, final)
    assert (first.found.candidate, first.mean) == (0, pytest.approx(0.96))
    assert (second.found.candidate, second.fitnesses) == (3, (0.91, 0.99))
    assert finalists.winner(SEARCHED, final) == SEARCHED[0]
    assert finalists.winner(SEARCHED) == SEARCHED[3]
    assert finalists.winner([]) is None


def test_equal_means_are_decided_by_flops_then_by_age() -> None:
    searched = (found(0, 0.9, "a", flops=20), found(1, 0.8, "b"), found(2, 0.7, "c"))
    final = [trained(3 + n, 0.9, name, 0) for n, name in enumerate("abc")]
    assert [f.found.candidate for f in finalists.standing(searched, final)] == [1, 2, 0]


def test_failed_trainings_count_for_nothing_and_a_failed_final_leaves_the_best_of_the_search() -> (
    None
):
    final = [trained(6, None, "c", 0), trained(7, 0.97, "c", 1), trained(8, None, "a", 0)]
    first, second = finalists.standing(SEARCHED, final)
    assert (first.mean, first.fitnesses) == (0.97, (0.97,))
    assert second.mean is None
    assert finalists.winner(SEARCHED, [trained(8, None, "a", 0)]) == SEARCHED[3]


def test_a_final_is_twice_the_epochs_of_the_search_or_what_the_options_say() -> None:
    assert finalists.described(Config()) == "4 networks x 2 seeds, 16 epochs each, at full width"
    config = Config.model_validate({"final": {"candidates": 1, "seeds": 3, "epochs": 1}})
    assert finalists.described(config) == "1 network x 3 seeds, 1 epoch each, at full width"
    assert [context["seed"] for context in finalists.contexts(config)] == [0, 1, 2]
