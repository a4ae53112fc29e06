"""Variation of modules and of blueprints behind one interface, for reproduction.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mpineat.evolution.state import GenomeT
from mpineat.genotype.crossover import cross_blueprints, cross_modules
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.mutation import Mutation


class Operators(Protocol[GenomeT]):
    """Crossover and mutation of one kind of genome."""

    def cross(self, fitter: GenomeT, other: GenomeT, id: int) -> GenomeT:
        """Return the offspring of two parents."""

    def mutate(
        self, genomes: Sequence[GenomeT], ids: Sequence[int], parents: Sequence[tuple[int, ...]]
    ) -> list[GenomeT]:
        """Return a mutant of each genome, with its id and parents."""

    def content(self, genome: GenomeT) -> object:
        """Return what makes two genomes duplicates, as a hashable value."""


class ModuleOperators:
    """Variation of modules in one generation."""

    def __init__(self, mutation: Mutation, draws: Draws) -> None:
        self.mutation, self.draws = mutation, draws

    def cross(self, fitter: Module, other: Module, id: int) -> Module:
        """Return the offspring of two parents."""
        return cross_modules(fitter, other, id, self.mutation.birth, self.draws)

    def mutate(
        self, genomes: Sequence[Module], ids: Sequence[int], parents: Sequence[tuple[int, ...]]
    ) -> list[Module]:
        """Return a mutant of each module, with its id and parents."""
        return self.mutation.modules(genomes, ids, parents)

    def content(self, genome: Module) -> object:
        """Return what makes two modules duplicates."""
        return (genome.nodes, genome.connections, genome.join)


class BlueprintOperators:
    """Variation of blueprints in one generation; `species` are the living module species' ids."""

    def __init__(self, mutation: Mutation, draws: Draws, species: Sequence[int]) -> None:
        self.mutation, self.draws, self.species = mutation, draws, species

    def cross(self, fitter: Blueprint, other: Blueprint, id: int) -> Blueprint:
        """Return the offspring of two parents."""
        return cross_blueprints(fitter, other, id, self.mutation.birth, self.draws)

    def mutate(
        self, genomes: Sequence[Blueprint], ids: Sequence[int], parents: Sequence[tuple[int, ...]]
    ) -> list[Blueprint]:
        """Return a mutant of each blueprint, with its id and parents."""
        return self.mutation.blueprints(genomes, ids, parents, self.species)

    def content(self, genome: Blueprint) -> object:
        """Return what makes two blueprints duplicates; what they retain is no gene."""
        return (genome.nodes, genome.connections, genome.dense, genome.training)
