"""Candidates' results -> fitness of their blueprints and modules, and the species' records.

The fitness of a genome is the mean over the candidates that used it (Miikkulainen et al. 2017,
section 3); a discarded candidate's fitness is an estimate and counts half.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from mpineat.config import Config, Evolution
from mpineat.evolution.state import GenomeT, Population, Result, State
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.genome import Blueprint


def tell(state: State, results: Sequence[Result], config: Config) -> State:
    """Return `state` with the results credited; genomes that are gone are passed over."""
    with collector_paused():
        return _tell(state, judged(results, config.evolution), config)


def _tell(state: State, counted: Sequence[tuple[Result, float]], config: Config) -> State:
    living = {module.id for module in state.modules.genomes}
    genomes = state.blueprints.genomes
    if config.evolution.retain_modules > 0:
        genomes = retain(genomes, counted, state.blueprints.fitness, living)
    return replace(
        state,
        evaluated=True,
        modules=credit(
            state.modules,
            [
                Earned(module.id, value, result.weight)
                for result, value in counted
                for _, module in result.candidate.modules
            ],
        ),
        blueprints=credit(
            replace(state.blueprints, genomes=genomes),
            [
                Earned(result.candidate.blueprint.id, value, result.weight)
                for result, value in counted
            ],
        ),
    )


def judged(results: Sequence[Result], evolution: Evolution) -> list[tuple[Result, float]]:
    """Return the results that count, each with its fitness.

    A candidate that failed by its own fault counts as the generation's worst, or as 0 where none
    succeeded; or not at all (evolution.failed_fitness). A machine's fault never counts.
    """
    worst = min([r.fitness for r in results if r.fitness is not None], default=0.0)
    found = []
    for result in results:
        if result.fitness is not None:
            found.append((result, result.fitness))
        elif result.outcome.fault == "candidate" and evolution.failed_fitness == "worst":
            found.append((result, worst))
    return found


class Earned(NamedTuple):
    """What one candidate says of one genome that it used."""

    genome: int
    fitness: float
    weight: float = 1.0


def credit(population: Population[GenomeT], earned: Iterable[Earned]) -> Population[GenomeT]:
    """Return `population` with the fitness that its genomes earned.

    Estimates alone do not wipe out what was measured in earlier generations: that counts once more.

    Args:
        earned: Of genomes that live no more it is passed over.
    """
    by_genome: dict[int, list[Earned]] = {}
    living = {genome.id for genome in population.genomes}
    for one in earned:
        if one.genome in living:
            by_genome.setdefault(one.genome, []).append(one)
    uses = {id: len(own) for id, own in by_genome.items()}
    guesses = {id for id, own in by_genome.items() if all(one.weight < 1 for one in own)}
    for id in sorted(guesses & (population.fitness.keys() - population.estimated)):
        by_genome[id].append(Earned(id, population.fitness[id]))
        guesses.remove(id)
    known = {**population.fitness, **{id: _mean(own) for id, own in by_genome.items()}}
    species = []
    for s in population.species:
        best = max([known[id] for id in s.members if id in uses], default=None)
        if best is None:  # nobody was evaluated, so nothing can have risen or failed to
            species.append(s)
        elif s.best_fitness is None or best > s.best_fitness:
            species.append(replace(s, best_fitness=best, stagnation=0))
        else:
            species.append(replace(s, stagnation=s.stagnation + 1))
    return replace(
        population,
        fitness=known,
        uses=uses,
        estimated=population.estimated - by_genome.keys() | guesses,
        species=tuple(species),
    )


def _mean(earned: Sequence[Earned]) -> float:
    return sum(one.fitness * one.weight for one in earned) / sum(one.weight for one in earned)


def retain(
    blueprints: Sequence[Blueprint],
    results: Sequence[tuple[Result, float]],
    fitness: Mapping[int, float],
    modules: set[int],
) -> tuple[Blueprint, ...]:
    """Let each blueprint retain the modules of its best candidate of this generation.

    What it retained before is given up for that only if it took part and lost, or if the candidate
    beat the blueprint's fitness so far.

    Args:
        fitness: Blueprint id -> fitness before this generation.
        modules: Ids of the living modules.
    """
    best: dict[int, tuple[Result, float]] = {}
    tried: dict[int, set[int]] = {}
    for result, value in results:
        id = result.candidate.blueprint.id
        tried.setdefault(id, set()).update(module.id for _, module in result.candidate.modules)
        if result.fitness is not None and (id not in best or value > best[id][1]):
            best[id] = (result, value)
    found = []
    for blueprint in blueprints:
        if blueprint.id in best:
            result, value = best[blueprint.id]
            named = {node.species for node in blueprint.nodes}
            better = value > fitness.get(blueprint.id, float("-inf"))
            retained = {s: m for s, m in blueprint.retained if m in modules}
            for species, module in result.candidate.modules:
                held = retained.get(species)
                beaten = held is None or better or held in tried[blueprint.id]
                if beaten and species in named and module.id in modules:
                    retained[species] = module.id
            pairs = tuple(sorted(retained.items()))
            if pairs != blueprint.retained:
                blueprint = blueprint._replace(retained=pairs)
        found.append(blueprint)
    return tuple(found)
