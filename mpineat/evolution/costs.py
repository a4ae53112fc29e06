"""The second objective of genomes: what the networks that used them cost, beside their fitness.

The cost of a genome is the mean of log10 flops or parameters over the candidates that used it, as
its fitness is the mean of their accuracies. It lives in the strategy's memory, so that a State of
one objective knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import log10

import numpy as np

from mpineat import objectives
from mpineat.config import Config
from mpineat.evolution.credit import Earned, credit, judged
from mpineat.evolution.memory import Memory
from mpineat.evolution.selection import Rank, known_fitness, ranked
from mpineat.evolution.state import GenomeT, Population, Result, State

MODULES, BLUEPRINTS = "costs_of_modules", "costs_of_blueprints"  # [genomes, (id, cost)]


def tell(state: State, results: Sequence[Result], config: Config) -> State:
    """Return `state`, to which the results' fitness was told, with their costs credited too.

    A failed candidate that counts as the worst in fitness counts as the dearest.
    """
    chosen = config.evolution.objectives
    if len(chosen) == 1:
        return state
    counted = [result for result, _ in judged(results, config.evolution)]
    costs = [objectives.cost(result.outcome, chosen) for result in counted]
    paid = [
        (result.candidate, log10(cost or max(costs) or 1))
        for result, cost in zip(counted, costs, strict=True)
    ]
    of_modules = [Earned(module.id, cost) for c, cost in paid for _, module in c.modules]
    of_blueprints = [Earned(c.blueprint.id, cost) for c, cost in paid]
    memory = dict(state.memory)
    memory[MODULES] = _credited(state.modules, of_modules, state.memory.get(MODULES))
    memory[BLUEPRINTS] = _credited(state.blueprints, of_blueprints, state.memory.get(BLUEPRINTS))
    return replace(state, memory=Memory(memory))


def ranking(
    population: Population[GenomeT], fitness: Mapping[int, float], costs: np.ndarray | None
) -> Rank:
    """Return how genomes of `population` are ranked: by fitness, or by front and crowding.

    Args:
        fitness: Of every genome.
        costs: As the memory holds them; None: fitness is the only objective.
    """
    if costs is None:
        return lambda members: ranked(members, fitness)
    known = known_fitness(replace(population, fitness=_by_id(costs)))

    def rank(members: Sequence[int]) -> list[int]:
        ids = sorted(members)
        return [ids[place] for place in objectives.order([(fitness[i], known[i]) for i in ids])]

    return rank


def _credited(
    population: Population[GenomeT],
    earned: Iterable[Earned],
    before: np.ndarray | None,
) -> np.ndarray:
    known = {} if before is None else _by_id(before)
    found = credit(replace(population, fitness=known, estimated=frozenset(), species=()), earned)
    living = [genome.id for genome in population.genomes if genome.id in found.fitness]
    return np.array([(id, found.fitness[id]) for id in living]).reshape(-1, 2)


def _by_id(costs: np.ndarray) -> dict[int, float]:
    return {int(id): cost for id, cost in costs.tolist()}
