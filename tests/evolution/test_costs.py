"""With a second objective genomes have a cost, and species are ranked by fronts."""

from __future__ import annotations

from dataclasses import replace
from math import log10

import numpy as np
import pytest

from mpineat.evolution import costs
from mpineat.evolution.state import Population, Result, Species
from mpineat.evolution.strategy import select
from tests.evolution.values import building, config, judged

BOTH = ("accuracy", "flops")


def population(*kinds):
    species = tuple(Species(id=i, representative=None, members=m) for i, m in enumerate(kinds))
    return Population(
        genomes=(), species=species, threshold=1.0, next_innovation=9, next_genome=9, next_species=9
    )


def told(options, flops, accuracies=None):
    """Return the first generation, with results of these flops; None fails."""
    strategy = select(options)
    asked = strategy.ask(strategy.initial(options), options, building(options), len(flops))
    results = []
    for place, (candidate, own) in enumerate(zip(asked.candidates, flops, strict=True)):
        accuracy = None if own is None else (accuracies or [0.5] * len(flops))[place]
        result = judged(candidate, accuracy, "" if own else "candidate")
        outcome = replace(result.outcome, flops_after=own or 0)
        results.append(Result(candidate=candidate, outcome=outcome))
    return strategy, strategy.tell(asked.state, results, options), results


def test_a_genome_costs_the_mean_of_the_logarithms_of_its_networks():
    options = config(objectives=BOTH, blueprints=2, modules=4)
    _, state, results = told(options, [10, 1000, 100, 10])
    found = {int(id): cost for id, cost in state.memory[costs.BLUEPRINTS]}
    for id in found:
        own = [log10(r.outcome.flops_after) for r in results if r.candidate.blueprint.id == id]
        assert found[id] == pytest.approx(np.mean(own))
    used = {m.id for r in results for _, m in r.candidate.modules}
    assert {int(id) for id, _ in state.memory[costs.MODULES]} == used


def test_a_failure_is_as_dear_as_the_dearest():
    options = config(objectives=BOTH, blueprints=1, blueprint_species=1, modules=4)
    _, state, _ = told(options, [10, None, 1000])
    ((_, cost),) = state.memory[costs.BLUEPRINTS]
    assert cost == pytest.approx((1 + 3 + 3) / 3)


def test_one_objective_remembers_nothing():
    _, state, _ = told(config(), [10, 1000, 100])
    assert not state.memory


def test_ranking_puts_the_front_first_and_its_ends_before_all():
    members = population((0, 1, 2, 3))
    fitness = {0: 0.9, 1: 0.8, 2: 0.7, 3: 0.85}
    known = np.array([(0, 5.0), (1, 4.5), (2, 3.0), (3, 5.5)])
    assert costs.ranking(members, fitness, None)([0, 1, 2, 3]) == [0, 3, 1, 2]
    assert costs.ranking(members, fitness, known)([0, 1, 2, 3]) == [0, 2, 1, 3]
    assert costs.ranking(members, fitness, known)([1, 3]) == [3, 1]  # neither is better in both


def test_a_genome_that_nobody_used_costs_what_its_species_does():
    members = population((0, 1), (2,))
    fitness = dict.fromkeys(range(3), 0.5)
    rank = costs.ranking(members, fitness, np.array([(0, 4.0), (2, 3.0)]))
    assert rank([0, 1, 2]) == [2, 0, 1]


def test_with_flops_as_second_objective_a_search_finds_smaller_networks():
    """Accuracy is drawn, so cost is all that there is to select by."""

    def last(objectives):
        options = config(objectives=objectives, candidates=24, modules=16, blueprints=12)
        strategy, build = select(options), building(options)
        state, rng = strategy.initial(options), np.random.default_rng(0)
        for _ in range(8):
            asked = strategy.ask(state, options, build)
            sizes = [sum(layer.filters or 0 for layer in net.layers) for net in asked.built]
            results = [judged(c, rng.random()) for c in asked.candidates]
            results = [
                replace(r, outcome=replace(r.outcome, flops_after=size))
                for r, size in zip(results, sizes, strict=True)
            ]
            state = strategy.breed(strategy.tell(asked.state, results, options), options)
        return float(np.mean(sizes))

    assert last(BOTH) < 0.7 * last(("accuracy",))
