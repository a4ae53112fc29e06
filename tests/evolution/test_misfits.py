"""Genomes that fit into no network within the limits count as the worst, and only those."""

from __future__ import annotations

from dataclasses import replace

from mpineat.errors import Infeasible, Known
from mpineat.evolution import misfits
from mpineat.evolution.state import State
from mpineat.evolution.strategies.coevolution import CoDeepNEAT
from mpineat.genotype.genome import Candidate
from mpineat.phenotype import cost
from tests.evolution.values import building, config, judged

OPTIONS = {"candidates": 6, "modules": 6, "blueprints": 4, "module_species": 2}


def drawn_in_vain(problem: Infeasible, **evolution: object) -> tuple[int, State]:
    """Return a module without which alone there were networks, and the told state."""
    options = config(**{**OPTIONS, **evolution})
    build = building(options)
    strategy = CoDeepNEAT()
    start = strategy.initial(options)
    victim = start.modules.genomes[0].id

    def picky(candidate: Candidate) -> object:
        if victim in [module.id for _, module in candidate.modules]:
            raise problem
        return build(candidate)

    asked = strategy.ask(start, options, picky)
    results = [judged(c, 0.5 + c.id / 100) for c in asked.candidates]
    return victim, strategy.tell(asked.state, results, options)


def test_who_is_drawn_in_vain_has_the_worst_fitness_as_an_estimate() -> None:
    victim, told = drawn_in_vain(Infeasible("too_many_flops", "too many"))
    fitness = told.modules.fitness
    assert fitness[victim] == min(fitness.values()) < max(fitness.values())
    assert victim in told.modules.estimated  # so it is no elite
    assert victim not in told.modules.uses


def test_who_only_repeats_is_no_misfit() -> None:
    victim, told = drawn_in_vain(Known("known"))
    assert victim not in told.modules.fitness


def test_misfits_count_as_their_species_where_that_is_wished() -> None:
    victim, told = drawn_in_vain(Infeasible("too_many_flops", "too many"), misfit_fitness="ignore")
    assert victim not in told.modules.fitness
    assert misfits.MODULES not in told.memory


def test_who_has_a_fitness_or_lives_no_more_is_not_judged_anew() -> None:
    _, told = drawn_in_vain(Infeasible("too_many_flops", "too many"))
    best = max(told.modules.fitness, key=told.modules.fitness.__getitem__)
    memory = {**told.memory, misfits.MODULES: [best, 10**6]}
    again = misfits.judged(replace(told, memory=memory))
    assert again.modules == told.modules


def test_populations_do_not_drift_out_of_tight_limits() -> None:
    assert drawn_too_large("worst") < drawn_too_large("ignore") / 2


def drawn_too_large(misfit_fitness: str) -> int:
    """Return how many draws of searches that reward flops were beyond the limit."""
    found = 0
    for seed in range(4):
        options = config(seed, {"max_flops": 2e6}, candidates=8, misfit_fitness=misfit_fitness)
        strategy, build = CoDeepNEAT(), building(options)
        state = strategy.initial(options)
        for _ in range(8):
            asked = strategy.ask(state, options, build)
            found += asked.state.counts.get("draw_too_many_flops", 0)
            results = [
                judged(c, cost.flops(n) / 2e6)
                for c, n in zip(asked.candidates, asked.built, strict=True)
            ]
            state = strategy.breed(strategy.tell(asked.state, results, options), options)
    return found
