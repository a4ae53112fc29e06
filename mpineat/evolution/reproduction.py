"""One population's next genomes: elites, and offspring of the better part of each species."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from mpineat.config import Evolution
from mpineat.evolution.selection import elites, parents, quotas, shares
from mpineat.evolution.state import GenomeT, Population, Species
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Module

VariedT = TypeVar("VariedT", Module, Blueprint)
ATTEMPTS = 5  # at an offspring unlike all others, before one that is alike is accepted


class Operators(Protocol, Generic[VariedT]):
    """Crossover and mutation of one kind of genome."""

    def cross(self, fitter: VariedT, other: VariedT, id: int, draws: Draws) -> VariedT:
        """Return the offspring of two parents."""

    def mutate(self, genome: VariedT, id: int, parents: tuple[int, ...], draws: Draws) -> VariedT:
        """Return a mutant of `genome` as a genome of this generation."""

    def content(self, genome: VariedT) -> object:
        """Return what makes two genomes duplicates, as a hashable value."""


def reproduce(
    population: Population[GenomeT],
    species: Sequence[Species[GenomeT]],
    fitness: Mapping[int, float],
    operators: Operators[GenomeT],
    choosing: Draws,
    varying: Draws,
    evolution: Evolution,
    counts: Counter[str],
) -> list[GenomeT]:
    """Return the next generation's genomes, ascending by id: elites keep theirs, offspring take new ones.

    Args:
        species: Those of `population` that may breed.
        fitness: Of every genome in them.
        choosing, varying: Streams for the choice of parents and for crossover and mutation.
        counts: Gains crossovers, mutations by kind, and rejected variations by reason.
    """
    genomes = {genome.id: genome for genome in population.genomes}
    kept = elites(species, fitness, evolution)
    places = quotas(shares(species, fitness), len(genomes), [max(1, len(own)) for own in kept])
    breeders = [parents(s.members, fitness, evolution.survival) for s in species]
    everyone = [id for own in breeders for id in own]
    found = [genomes[id] for own in kept for id in own]
    known = {operators.content(genome) for genome in found}
    next_id = population.next_genome
    for own, own_elites, quota in zip(breeders, kept, places, strict=True):
        for _ in range(quota - len(own_elites)):
            child = _offspring(
                own,
                everyone,
                genomes,
                fitness,
                operators,
                next_id,
                choosing,
                varying,
                evolution,
                counts,
            )
            content = operators.content(child)
            attempt = 1
            while content in known and attempt < ATTEMPTS:
                counts["mutation_duplicate"] += 1
                child = operators.mutate(child, next_id, child.parents, varying)
                content = operators.content(child)
                attempt += 1
            known.add(content)
            found.append(child)
            next_id += 1
    return sorted(found, key=lambda genome: genome.id)


def _offspring(
    own: Sequence[int],
    everyone: Sequence[int],
    genomes: Mapping[int, GenomeT],
    fitness: Mapping[int, float],
    operators: Operators[GenomeT],
    id: int,
    choosing: Draws,
    varying: Draws,
    evolution: Evolution,
    counts: Counter[str],
) -> GenomeT:
    first = choosing.choice(own)
    if choosing.uniform() < evolution.crossover:
        pool = everyone if choosing.uniform() < evolution.interspecies else own
        second = choosing.choice(pool)
        if second != first:
            if (fitness[second], -second) > (fitness[first], -first):
                first, second = second, first
            counts["crossover"] += 1
            child = operators.cross(genomes[first], genomes[second], id, varying)
            return operators.mutate(child, id, child.parents, varying)
        counts["crossover_self"] += 1
    return operators.mutate(genomes[first], id, (first,), varying)
