"""How a population in species becomes the next: who survives, who begets, who belongs together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mpineat.config import Config
from mpineat.evolution import costs
from mpineat.evolution.operators import Operators
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.reproduction import reproduce
from mpineat.evolution.selection import known_fitness, surviving_species
from mpineat.evolution.species import speciate
from mpineat.evolution.state import GenomeT, Population, Species, State
from mpineat.genotype.distance import Packed
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.mutation import Mutation

Genomes = Sequence[GenomeT]
Pack = Callable[[Sequence[GenomeT], Config], Packed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What distinguishes the breeding of modules from that of blueprints.

    Attributes:
        name: For messages and counts.
        costs: Of its costs, in the state's memory.
        species: The option that says how many species there are to be.
        vary, choose: The draws of mutations, and those of parents.
    """

    name: str
    costs: str
    species: str
    vary: Purpose
    choose: Purpose


MODULES = Kind(
    name="module",
    costs=costs.MODULES,
    species="module_species",
    vary=Purpose.VARY_MODULES,
    choose=Purpose.PARENTS_OF_MODULES,
)
BLUEPRINTS = Kind(
    name="blueprint",
    costs=costs.BLUEPRINTS,
    species="blueprint_species",
    vary=Purpose.VARY_BLUEPRINTS,
    choose=Purpose.PARENTS_OF_BLUEPRINTS,
)


class Breeding:
    """The breeding of one generation.

    Attributes:
        generation: The one to come.
        counts, events: What its State will say of it; whoever takes part adds to them.
    """

    def __init__(self, state: State, config: Config) -> None:
        """Begin with the populations of an evaluated generation."""
        self.generation = state.generation + 1
        self.counts: Counter[str] = Counter()
        self.events: list[str] = []
        self._state, self._config = state, config

    def bred(
        self,
        old: Population[GenomeT],
        kind: Kind,
        operators: Callable[[Mutation, Draws], Operators[GenomeT]],
        pack: Pack[GenomeT],
        *,
        parents: Callable[[Genomes[GenomeT]], Genomes[GenomeT]] = tuple,
        offspring: Callable[[Genomes[GenomeT]], Genomes[GenomeT]] = tuple,
    ) -> Population[GenomeT]:
        """Return the population that follows `old`.

        Args:
            pack: Lays genomes out for their distances.
            parents, offspring: Change the genomes before and after their reproduction.
        """
        config, evolution = self._config, self._config.evolution
        fitness = known_fitness(old)
        rank = costs.ranking(old, fitness, self._state.memory.get(kind.costs))
        breeding = surviving_species(old, fitness, evolution)
        self._record_deaths(kind.name, old, breeding)
        old = replace(old, genomes=tuple(parents(old.genomes)))
        innovations = Innovations(old.next_innovation)
        varying = draws_for(kind.vary, self.generation, config)
        mutation = Mutation(config, self.generation, innovations, varying, self.counts)
        genomes = offspring(
            reproduce(
                old,
                breeding,
                fitness,
                rank,
                operators(mutation, varying),
                draws_for(kind.choose, self.generation, config).rng,
                evolution,
                self.counts,
            )
        )
        species, threshold = speciate(
            genomes,
            breeding,
            old.threshold,
            getattr(evolution, kind.species),
            old.next_species,
            pack,
            config,
        )
        return _following(old, genomes, species, threshold, innovations)

    def ended(self, modules: Population[Module], blueprints: Population[Blueprint]) -> State:
        """Return the next generation, not evaluated yet."""
        return replace(
            self._state,
            generation=self.generation,
            evaluated=False,
            modules=modules,
            blueprints=blueprints,
            counts=dict(+self.counts),
            events=tuple(self.events),
        )

    def _record_deaths(
        self, name: str, old: Population[GenomeT], breeding: Sequence[Species[GenomeT]]
    ) -> None:
        """Count the species of `old` that may not breed, and say so."""
        alive = {species.id for species in breeding}
        for species in old.species:
            if species.id not in alive:
                self.counts[f"extinct_{name}_species"] += 1
                self.events.append(
                    f"{name} species {species.id} died: {species.stagnation} generations "
                    "without a better fitness"
                )


def _following(
    old: Population[GenomeT],
    genomes: Sequence[GenomeT],
    species: Sequence[Species[GenomeT]],
    threshold: float,
    innovations: Innovations,
) -> Population[GenomeT]:
    """Return the population that follows `old`, its counters moved on."""
    known = {s.id for s in old.species}
    living = {genome.id for genome in genomes}
    return Population(
        genomes=tuple(genomes),
        species=tuple([replace(s, age=s.age + 1) if s.id in known else s for s in species]),
        threshold=threshold,
        **old.records(living),
        next_innovation=innovations.next,
        next_genome=max(old.next_genome, genomes[-1].id + 1),
        next_species=max([old.next_species, *[s.id + 1 for s in species]]),
    )
