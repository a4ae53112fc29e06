"""CoDeepNEAT: modules and blueprints evolve side by side (Miikkulainen et al. 2017)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mpineat.config import Config
from mpineat.evolution import costs
from mpineat.evolution.operators import BlueprintOperators, ModuleOperators
from mpineat.evolution.pointers import cover, repoint, successors
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.reproduction import reproduce
from mpineat.evolution.selection import known_fitness, surviving_species
from mpineat.evolution.species import speciate
from mpineat.evolution.state import GenomeT, Population, Result, Species, State
from mpineat.evolution.strategy import Strategy
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.distance import pack_blueprints, pack_modules
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.mutation import Mutation


class CoDeepNEAT(Strategy):
    """The strategy `codeepneat`; with two objectives species are ranked as in NSGA-II."""

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with fitness and costs credited to modules and blueprints."""
        return costs.tell(super().tell(state, results, config), results, config)

    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, not evaluated yet."""
        generation = state.generation + 1
        counts: Counter[str] = Counter()
        events: list[str] = []
        with collector_paused():
            modules = _breed_modules(state, generation, config, counts, events)
            blueprints = _breed_blueprints(state, modules, generation, config, counts, events)
        return replace(
            state,
            generation=generation,
            evaluated=False,
            modules=modules,
            blueprints=blueprints,
            counts=dict(+counts),
            events=tuple(events),
        )


def replace_genomes(
    state: State,
    modules: Mapping[int, Module],
    blueprints: Mapping[int, Blueprint],
) -> State:
    """Return `state` with genomes replaced by id, for the inheritance of compressed sizes."""
    return replace(
        state,
        modules=_replaced(state.modules, modules),
        blueprints=_replaced(state.blueprints, blueprints),
    )


def _replaced(
    population: Population[GenomeT], genomes: Mapping[int, GenomeT]
) -> Population[GenomeT]:
    # Where a layer vanished, its neighbours may be joined by connections of new innovation numbers.
    numbers = [gene.innovation + 1 for genome in genomes.values() for gene in genome.connections]
    return replace(
        population,
        genomes=tuple([genomes.get(genome.id, genome) for genome in population.genomes]),
        next_innovation=max(population.next_innovation, *numbers, 0),
    )


def _breed_modules(
    state: State,
    generation: int,
    config: Config,
    counts: Counter[str],
    events: list[str],
) -> Population[Module]:
    evolution, old = config.evolution, state.modules
    fitness = known_fitness(old)
    rank = costs.ranking(old, fitness, state.memory.get(costs.MODULES))
    breeding = surviving_species(old, fitness, evolution)
    record_deaths("module", old, breeding, counts, events)
    innovations = Innovations(old.next_innovation)
    varying = draws_for(Purpose.VARY_MODULES, generation, config)
    mutation = Mutation(config, generation, innovations, varying, counts)
    operators = ModuleOperators(mutation, varying)
    choosing = draws_for(Purpose.PARENTS_OF_MODULES, generation, config).rng
    genomes = reproduce(old, breeding, fitness, rank, operators, choosing, evolution, counts)
    species, threshold = speciate(
        genomes,
        breeding,
        old.threshold,
        evolution.module_species,
        old.next_species,
        pack_modules,
        config,
    )
    return next_population(old, genomes, species, threshold, innovations)


def _breed_blueprints(
    state: State,
    modules: Population[Module],
    generation: int,
    config: Config,
    counts: Counter[str],
    events: list[str],
) -> Population[Blueprint]:
    evolution, old = config.evolution, state.blueprints
    living = [species.id for species in modules.species]
    successor = successors(state.modules.species, modules.species, config)
    fitness = known_fitness(old)
    rank = costs.ranking(old, fitness, state.memory.get(costs.BLUEPRINTS))
    breeding = surviving_species(old, fitness, evolution)
    record_deaths("blueprint", old, breeding, counts, events)
    # Before reproduction, so that parents hand on living pointers.
    survivors = {module.id for module in modules.genomes}
    repointed, moves = repoint(old.genomes, successor, survivors, counts)
    events.extend(moves)
    old = replace(old, genomes=tuple(repointed))
    innovations = Innovations(old.next_innovation)
    varying = draws_for(Purpose.VARY_BLUEPRINTS, generation, config)
    mutation = Mutation(config, generation, innovations, varying, counts)
    operators = BlueprintOperators(mutation, varying, living)
    choosing = draws_for(Purpose.PARENTS_OF_BLUEPRINTS, generation, config).rng
    genomes = reproduce(old, breeding, fitness, rank, operators, choosing, evolution, counts)
    draws = draws_for(Purpose.POINTERS, generation, config)
    genomes = cover(genomes, generation, living, draws, counts)
    species, threshold = speciate(
        genomes,
        breeding,
        old.threshold,
        evolution.blueprint_species,
        old.next_species,
        pack_blueprints,
        config,
    )
    return next_population(old, genomes, species, threshold, innovations)


def next_population(
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


def record_deaths(
    kind: str,
    old: Population[GenomeT],
    breeding: Sequence[Species[GenomeT]],
    counts: Counter[str],
    events: list[str],
) -> None:
    """Count the species of `old` that may not breed, and say so."""
    alive = {species.id for species in breeding}
    for species in old.species:
        if species.id not in alive:
            counts[f"extinct_{kind}_species"] += 1
            events.append(
                f"{kind} species {species.id} died: {species.stagnation} generations "
                "without a better fitness"
            )
