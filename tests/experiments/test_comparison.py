"""Which runs are compared with which, and what is said about those that are not."""

from __future__ import annotations

import pytest

from mpineat.experiments.comparison import Comparison, compare
from mpineat.experiments.experiment import Experiment
from tests.experiments.experiments import experiment


def only(experiments: list[Experiment]) -> Comparison:
    (found,) = compare(experiments)
    return found


def pair(seed: int = 0, plain: float = 20.0, compressed: float = 10.0) -> list[Experiment]:
    return [
        experiment(seed, compressed=False, minutes=plain, accuracies=(0.8, 0.6)),
        experiment(seed, compressed=True, minutes=compressed, accuracies=(0.7, 0.6)),
    ]


def test_speed_up_and_degradation_of_a_pair() -> None:
    found = only(pair())
    assert found.speed_up is not None
    assert found.degradation is not None
    assert found.speed_up.value == pytest.approx(2.0)
    assert found.degradation.value == pytest.approx(5.0)
    assert found.notes == ()


def test_speed_up_is_the_ratio_of_mean_times() -> None:
    found = only(pair(0, 30.0, 10.0) + pair(1, 10.0, 10.0))
    assert found.speed_up is not None
    assert found.speed_up.value == pytest.approx(2.0)  # the mean of the ratios would be 2, too,
    found = only(pair(0, 30.0, 15.0) + pair(1, 10.0, 5.0) + pair(2, 10.0, 20.0))
    assert found.speed_up is not None
    assert found.speed_up.value == pytest.approx(50 / 40)  # but here it would be 1.5


def test_last_generation_alone_counts_for_accuracy() -> None:
    found = only([experiment(compressed=False, accuracies=(0.9, 0.5, None), generations=3)])
    assert found.plain is not None
    assert found.plain.accuracy is not None
    assert found.plain.accuracy.count == 2
    assert found.plain.accuracy.mean == pytest.approx(70.0)
    assert found.plain.failed == 3


def test_single_group_is_summarized_and_the_missing_one_named() -> None:
    found = only([experiment(compressed=True)])
    assert found.compressed is not None
    assert (found.plain, found.speed_up, found.degradation) == (None, None, None)
    assert found.notes == ("no plain run: neither speed-up nor degradation",)


def test_unfinished_run_is_left_out_and_named() -> None:
    unfinished = experiment(1, compressed=True, minutes=99.0, done=1)
    found = only([*pair(), unfinished])
    assert found.speed_up is not None
    assert found.speed_up.value == pytest.approx(2.0)
    assert found.compressed is not None
    assert len(found.compressed.experiments) == 2
    assert "runs/compressed-s1: unfinished" in found.notes[0]


def test_first_generations_of_unfinished_runs_can_be_compared() -> None:
    runs = [*pair(), experiment(1, compressed=True, minutes=10.0, done=1)]
    found = only([run.first(1) for run in runs])
    assert not any("unfinished" in note for note in found.notes)
    assert found.compressed is not None
    assert found.compressed.minutes is not None
    assert found.compressed.minutes.count == 2


def test_damaged_generation_costs_the_time_but_not_the_accuracy() -> None:
    whole = experiment(1, compressed=False, accuracies=(0.8, 0.6))
    damaged = Experiment(
        path=whole.path, run_id="x", config=whole.config,
        generations=whole.generations[1:], problems=("generation_0000.h5: damaged",),
    )  # fmt: skip
    found = only([*pair(), damaged])
    assert found.plain is not None
    assert found.plain.minutes is not None
    assert found.plain.accuracy is not None
    assert (found.plain.minutes.count, found.plain.accuracy.count) == (1, 4)
    assert "runs/plain-s1: generation_0000.h5: damaged" in found.notes


def test_runs_of_other_settings_are_compared_apart_under_what_differs() -> None:
    longer = [
        experiment(seed, compressed=compressed, generations=3)
        for seed in (0, 1)
        for compressed in (False, True)
    ]
    found = compare([*pair(), *longer])
    assert [c.label for c in found] == ["digits", "digits, evolution.generations=2"]


def test_variants_of_compression_share_the_plain_runs() -> None:
    inherited = experiment(0, compressed=True, minutes=5.0, compression={"inherit": True})
    found = compare([*pair(0), *pair(1), inherited])
    assert [c.label for c in found] == ["digits", "digits, compression.inherit=True"]
    assert found[1].speed_up is not None
    assert found[1].speed_up.value == pytest.approx(4.0)


def test_where_data_lie_and_how_many_threads_there_are_is_no_difference() -> None:
    here = experiment(compressed=False, dataset={"name": "mnist", "path": "/here"})
    there = experiment(
        compressed=True,
        dataset={"name": "mnist", "path": "/there"},
        training={"epochs": 8, "threads": 3},
    )
    assert only([here, there]).label == "MNIST"


def test_a_dry_run_is_not_compared_with_real_trainings() -> None:
    dry = experiment(compressed=True, farm={"evaluator": "dry_run"})
    found = compare([*pair(), dry])
    assert [c.label for c in found] == ["digits", "digits, farm.evaluator=dry_run"]


def test_data_sets_come_in_the_order_of_the_thesis() -> None:
    names = ("tiny_imagenet", "cifar100", "cifar10", "mnist")
    runs = [experiment(compressed=False, dataset={"name": name, "path": "x"}) for name in names]
    labels = [found.label for found in compare(runs)]
    assert labels == ["MNIST", "CIFAR-10", "CIFAR-100", "Tiny ImageNet"]


def test_unequal_machines_are_named() -> None:
    first, _ = pair()
    found = only([first, experiment(compressed=True, workers=4, devices=("GPU",))])
    assert any("unequal machines" in note for note in found.notes)


def test_unequal_seeds_are_named() -> None:
    found = only([*pair(0), *pair(1)[:1]])
    assert found.notes == ("times of unequal seeds are compared, not in pairs: [0, 1] with [0]",)


def test_a_seed_that_ran_twice_is_named() -> None:
    again = experiment(0, compressed=True, run_id="again")
    found = only([*pair(), again])
    assert "seed 0: 2 compressed runs; all count" in found.notes


def test_busy_share_and_rate_follow_from_the_workers_time() -> None:
    # 2 generations of 2 evaluations of 60 seconds, in 10 minutes on 2 workers
    found = only([experiment(compressed=False, minutes=10.0)])
    assert found.plain is not None
    assert found.plain.busy_share == pytest.approx(4 * 60 / (2 * 600))
    assert found.plain.evaluations_per_hour == pytest.approx(24.0)
