"""What one run adds to a comparison."""

from dataclasses import replace

from mpineat import tasks
from tests.experiments.experiments import experiment


def test_the_winner_is_that_of_status_and_export_also_among_equals() -> None:
    run = experiment(compressed=True, accuracies=(0.7, 0.7, 0.5), generations=1)
    (generation,) = run.generations
    first, second, third = generation.outcomes
    smaller = replace(second, flops_after=second.flops_after // 2)
    run = replace(run, generations=(replace(generation, outcomes=(first, smaller, third)),))
    assert run.winner == tasks.best(run.outcomes) == smaller
    assert run.generations[0].best == smaller
