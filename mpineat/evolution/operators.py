"""Variation of modules and of blueprints behind one interface, for reproduction.py."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mpineat.config import Config
from mpineat.genotype.crossover import cross_blueprints, cross_modules
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.mutation import mutate_blueprint, mutate_module


class ModuleOperators:
    """Variation of modules in one generation."""

    def __init__(
        self, config: Config, birth: int, innovations: Innovations, counts: Counter[str]
    ) -> None:
        self.config, self.birth, self.innovations, self.counts = config, birth, innovations, counts

    def cross(self, fitter: Module, other: Module, id: int, draws: Draws) -> Module:
        """Return the offspring of two parents."""
        return cross_modules(fitter, other, id, self.birth, draws)

    def mutate(self, genome: Module, id: int, parents: tuple[int, ...], draws: Draws) -> Module:
        """Return a mutant of `genome` as a genome of this generation."""
        newborn = Module(id, genome.nodes, genome.connections, genome.join, parents, self.birth)
        return mutate_module(newborn, self.config, self.innovations, draws, self.counts)

    def content(self, genome: Module) -> object:
        """Return what makes two modules duplicates."""
        return (genome.nodes, genome.connections, genome.join)


class BlueprintOperators:
    """Variation of blueprints in one generation; `species` are the living module species' ids."""

    def __init__(
        self,
        config: Config,
        birth: int,
        innovations: Innovations,
        counts: Counter[str],
        species: Sequence[int],
    ) -> None:
        self.config, self.birth, self.innovations, self.counts = config, birth, innovations, counts
        self.species = species

    def cross(self, fitter: Blueprint, other: Blueprint, id: int, draws: Draws) -> Blueprint:
        """Return the offspring of two parents."""
        return cross_blueprints(fitter, other, id, self.birth, draws)

    def mutate(
        self, genome: Blueprint, id: int, parents: tuple[int, ...], draws: Draws
    ) -> Blueprint:
        """Return a mutant of `genome` as a genome of this generation."""
        newborn = replace(genome, id=id, parents=parents, birth=self.birth)
        return mutate_blueprint(
            newborn, self.config, self.innovations, draws, self.counts, self.species
        )

    def content(self, genome: Blueprint) -> object:
        """Return what makes two blueprints duplicates; what they retain is no gene."""
        return (genome.nodes, genome.connections, genome.dense, genome.learning_rate)
