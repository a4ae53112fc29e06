"""One population's next genomes: elites, and offspring of the better part of each species."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from mpineat.config import Evolution
from mpineat.evolution.operators import Operators
from mpineat.evolution.selection import Rank, elites, quotas, shares
from mpineat.evolution.state import GenomeT, Population, Species

ATTEMPTS = 3  # at an offspring unlike all others, before one that is alike is accepted


def reproduce(
    population: Population[GenomeT],
    species: Sequence[Species[GenomeT]],
    fitness: Mapping[int, float],
    rank: Rank,
    operators: Operators[GenomeT],
    rng: np.random.Generator,
    evolution: Evolution,
    counts: Counter[str],
) -> list[GenomeT]:
    """Return the next generation's genomes, ascending by id: elites keep theirs.

    Args:
        species: Those of `population` that may breed.
        fitness: Of every genome in them; it decides how many offspring a species has.
        rank: Who of a species lives on and who breeds.
        rng: For the choice of parents.
        counts: Gains crossovers, and offspring rejected as duplicates.
    """
    genomes = {genome.id: genome for genome in population.genomes}
    rankings = [rank(s.members) for s in species]
    proven = [[id for id in order if id not in population.estimated] for order in rankings]
    kept = elites(proven, rank, evolution)
    least = [max(1, len(own)) for own in kept]
    places = quotas(shares(species, fitness), len(genomes), least)
    couples = _couples(
        rankings, [p - len(own) for p, own in zip(places, kept, strict=True)], rng, evolution
    )
    surviving = [genomes[id] for own in kept for id in own]
    ids = list(range(population.next_genome, population.next_genome + len(couples)))
    before: list[GenomeT] = []
    parents: list[tuple[int, ...]] = []
    for id, (first, second) in zip(ids, couples, strict=True):
        if first == second:
            before.append(genomes[first])
            parents.append((first,))
            continue
        first, second = rank((first, second))
        before.append(operators.cross(genomes[first], genomes[second], id))
        parents.append((first, second))
    counts["crossover"] += sum(len(pair) == 2 for pair in parents)
    if not couples:
        return sorted(surviving, key=lambda genome: genome.id)
    known = {operators.content(genome) for genome in surviving}
    offspring = operators.mutate(before, ids, parents)
    alike = _duplicates(offspring, range(len(offspring)), known, operators)
    for _ in range(ATTEMPTS - 1):
        if not alike:
            break
        counts["mutation_duplicate"] += len(alike)
        again = operators.mutate(
            [offspring[i] for i in alike], [ids[i] for i in alike], [parents[i] for i in alike]
        )
        for i, genome in zip(alike, again, strict=True):
            offspring[i] = genome
        alike = _duplicates(offspring, alike, known, operators)
    return sorted(surviving, key=lambda genome: genome.id) + offspring


def _couples(
    rankings: Sequence[Sequence[int]],
    wanted: Sequence[int],
    rng: np.random.Generator,
    evolution: Evolution,
) -> list[tuple[int, int]]:
    """Return the parents of each offspring, species by species; one parent stands there twice."""
    breeders = [np.array(order[: math.ceil(evolution.survival * len(order))]) for order in rankings]
    everyone = np.concatenate(breeders)
    found: list[tuple[int, int]] = []
    for own, count in zip(breeders, wanted, strict=True):
        first, second, third = (
            group[rng.integers(len(group), size=count)] for group in (own, own, everyone)
        )
        crossed, distant = rng.random((2, count)) < [
            [evolution.crossover],
            [evolution.interspecies],
        ]
        second = np.where(crossed, np.where(distant, third, second), first)
        found += zip(first.tolist(), second.tolist(), strict=True)
    return found


def _duplicates(
    offspring: Sequence[GenomeT],
    places: Sequence[int],
    known: set[object],
    operators: Operators[GenomeT],
) -> list[int]:
    """Return those of `places` whose content is `known`, which gains the others'."""
    found = []
    for place in places:
        before = len(known)
        known.add(operators.content(offspring[place]))  # hashes it once, which takes the longest
        if len(known) == before:
            found.append(place)
    return found
