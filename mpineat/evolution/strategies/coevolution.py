"""CoDeepNEAT: modules and blueprints evolve side by side (Miikkulainen et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mpineat.config import Config
from mpineat.evolution import costs, misfits
from mpineat.evolution.breeding import BLUEPRINTS, MODULES, Breeding
from mpineat.evolution.operators import BlueprintOperators, ModuleOperators
from mpineat.evolution.pointers import cover, repoint, successors
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.state import Asked, BuiltT, GenomeT, Population, Result, State
from mpineat.evolution.strategy import Strategy
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.distance import pack_blueprints, pack_modules
from mpineat.genotype.genome import Blueprint, Candidate, Module


class CoDeepNEAT(Strategy):
    """The strategy `codeepneat`; with two objectives species are ranked as in NSGA-II."""

    def ask(
        self,
        state: State,
        config: Config,
        build: Callable[[Candidate], BuiltT],
        count: int | None = None,
    ) -> Asked[BuiltT]:
        """Return the next candidates; the state remembers which genomes were drawn in vain."""
        if config.evolution.misfit_fitness == "ignore":
            return super().ask(state, config, build, count)
        watch = misfits.Watch(build)
        asked = super().ask(state, config, watch, count)
        return replace(asked, state=watch.noted(asked.state))

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with fitness and costs credited to modules and blueprints."""
        told = costs.tell(super().tell(state, results, config), results, config)
        return misfits.judged(told)

    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, not evaluated yet."""
        breeding = Breeding(state, config)
        with collector_paused():
            modules = breeding.bred(state.modules, MODULES, ModuleOperators, pack_modules)
            blueprints = _bred_blueprints(breeding, state, modules, config)
        return breeding.ended(modules, blueprints)


def _bred_blueprints(
    breeding: Breeding, state: State, modules: Population[Module], config: Config
) -> Population[Blueprint]:
    living = [species.id for species in modules.species]
    successor = successors(state.modules.species, modules.species, config)
    survivors = {module.id for module in modules.genomes}

    def repointed(genomes: Sequence[Blueprint]) -> Sequence[Blueprint]:
        # Before reproduction, so that parents hand on living pointers.
        found, moves = repoint(genomes, successor, survivors, breeding.counts)
        breeding.events.extend(moves)
        return found

    def covering(genomes: Sequence[Blueprint]) -> Sequence[Blueprint]:
        draws = draws_for(Purpose.POINTERS, breeding.generation, config)
        return cover(genomes, breeding.generation, living, draws, breeding.counts)

    return breeding.bred(
        state.blueprints,
        BLUEPRINTS,
        lambda mutation, draws: BlueprintOperators(mutation, draws, living),
        pack_blueprints,
        parents=repointed,
        offspring=covering,
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
