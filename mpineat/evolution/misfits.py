"""Genomes of which no network within the limits could be drawn: they count as the worst.

A genome that was never evaluated has its species' mean fitness, which is fair to one that had no
turn. Under tight limits it lets populations drift to where hardly a draw is a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Generic

import numpy as np

from mpineat.errors import Infeasible, Known
from mpineat.evolution.memory import Memory
from mpineat.evolution.state import BuiltT, GenomeT, Population, State
from mpineat.genotype.genome import Candidate

# Ids of misfits, in the state's memory from `ask` to `tell`.
MODULES, BLUEPRINTS = "misfit_modules", "misfit_blueprints"


class Watch(Generic[BuiltT]):
    """A `build` that takes down of which genomes it could make a network."""

    def __init__(self, build: Callable[[Candidate], BuiltT]) -> None:
        """Watch `build`."""
        self._build = build
        self._drawn: tuple[set[int], set[int]] = (set(), set())
        self._fit: tuple[set[int], set[int]] = (set(), set())

    def __call__(self, candidate: Candidate) -> BuiltT:
        """Build the candidate. Raises what `build` raises."""
        _add(self._drawn, candidate)
        try:
            built = self._build(candidate)
        except Infeasible as problem:
            if isinstance(problem, Known):
                _add(self._fit, candidate)
            raise
        _add(self._fit, candidate)
        return built

    def noted(self, state: State) -> State:
        """Return `state`, which remembers the genomes that were drawn in vain alone."""
        found = [
            np.array(sorted(drawn - fit), np.int64)
            for drawn, fit in zip(self._drawn, self._fit, strict=True)
        ]
        memory = {**state.memory, MODULES: found[0], BLUEPRINTS: found[1]}
        return replace(state, memory=Memory(memory))


def _add(genomes: tuple[set[int], set[int]], candidate: Candidate) -> None:
    modules, blueprints = genomes
    modules.update([module.id for _, module in candidate.modules])
    blueprints.add(candidate.blueprint.id)


def judged(state: State) -> State:
    """Return `state`, to which the results were told, with the misfits judged and forgotten."""
    memory = dict(state.memory)
    return replace(
        state,
        modules=_judged(state.modules, memory.pop(MODULES, ())),
        blueprints=_judged(state.blueprints, memory.pop(BLUEPRINTS, ())),
        memory=Memory(memory),
    )


def _judged(population: Population[GenomeT], misfits: Iterable[int]) -> Population[GenomeT]:
    """Give misfits without a fitness the worst one that is known, as an estimate."""
    living = {genome.id for genome in population.genomes} - population.fitness.keys()
    found = living.intersection(map(int, misfits))
    if not (found and population.fitness):
        return population
    worst = min(population.fitness.values())
    return replace(
        population,
        fitness={**population.fitness, **dict.fromkeys(sorted(found), worst)},
        estimated=population.estimated | found,
    )
