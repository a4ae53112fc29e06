"""Searching with whole networks: what strategies share whose genome is an architecture.

In the State they are blueprints that retain modules of their own. The species of a module is the
slot that it fills, so files, pages and the inheritance of compressed sizes are as ever.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from numpy.typing import NDArray

from mpineat.config import Config
from mpineat.errors import Infeasible, InputError
from mpineat.evolution import credit
from mpineat.evolution.asking import no_network
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.state import Asked, BuiltT, GenomeT, Population, Result, Species, State
from mpineat.evolution.strategy import Strategy
from mpineat.genotype.architecture import Architecture, arranged, first_free, numbered
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Candidate

REPEATS = 20  # proposals in a row that are known already, before one is evaluated again
MISFITS = 2000  # proposals in a row that are no network, before the search space is called empty


class Proposals(Protocol):
    """What one `ask` draws from."""

    def draw(self) -> Architecture:
        """Return the next proposal."""

    def take(self, candidate: Candidate) -> None:
        """Hear that the proposal drawn last is a candidate now."""

    def memory(self) -> Mapping[str, NDArray[Any]]:
        """Return the strategy's knowledge after these."""


class Plain(Proposals):
    """Proposals that do not depend on those before, and leave nothing behind."""

    def __init__(self, draw: Callable[[], Architecture], state: State) -> None:
        """Take what draws an architecture."""
        self._draw, self._memory = draw, state.memory

    def draw(self) -> Architecture:
        """Return the next proposal."""
        return self._draw()

    def take(self, candidate: Candidate) -> None:
        """Forget it."""

    def memory(self) -> Mapping[str, NDArray[Any]]:
        """Return what was known before."""
        return self._memory


class ArchitectureSearch(Strategy):
    """A strategy that proposes whole networks."""

    @abstractmethod
    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return what this `ask` draws from."""

    @abstractmethod
    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return the ids of the architectures that live on when the generation has ended."""

    def initial(self, config: Config) -> State:
        """Return generation 0, which is empty: architectures come in when they are evaluated."""
        space = config.search_space
        return State(
            generation=0,
            evaluated=False,
            modules=_nobody(space.max_module_nodes, config.evolution.module_species),
            blueprints=_nobody(space.max_blueprint_nodes, 1),
            next_candidate=0,
        )

    def ask(
        self,
        state: State,
        config: Config,
        build: Callable[[Candidate], BuiltT],
        count: int | None = None,
    ) -> Asked[BuiltT]:
        """Return the next proposals that can be built and that are new, as far as that goes."""
        count = config.evolution.candidates if count is None else count
        draws = draws_for(Purpose.CANDIDATES, state.generation, config, state.next_candidate)
        with collector_paused():
            known = {architecture.content for architecture, _ in living(state, config, draws)}
            proposals = self.proposals(state, config, draws)
            return _ask(proposals, known, state, build, count, config.evolution.module_species)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with the results' architectures among the living, and their fitness."""
        return credit.tell(_joined(state, results, config), results, config)

    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, of the survivors; `ask` makes the new ones."""
        staying = set(self.survivors(state, config))
        modules = {
            module
            for blueprint in state.blueprints.genomes
            if blueprint.id in staying
            for _, module in blueprint.retained
        }
        return replace(
            state,
            generation=state.generation + 1,
            evaluated=False,
            modules=_kept(state.modules, modules),
            blueprints=_kept(state.blueprints, staying),
            counts={},
            events=(),
        )


def living(state: State, config: Config, draws: Draws) -> list[tuple[Architecture, float | None]]:
    """Return the architectures in the state with their fitness, the oldest first."""
    space, fitness = config.search_space, state.blueprints.fitness
    modules = {g.id: numbered(g, space.max_module_nodes) for g in state.modules.genomes}
    found = []
    for genome in state.blueprints.genomes:
        blueprint = numbered(genome, space.max_blueprint_nodes)
        own = {slot: modules[id] for slot, id in genome.retained}
        found.append((arranged(blueprint, own, config, draws), fitness.get(genome.id)))
    return found


def _ask(
    proposals: Proposals,
    known: set[object],
    state: State,
    build: Callable[[Candidate], BuiltT],
    count: int,
    slots: int,
) -> Asked[BuiltT]:
    counts = Counter(state.counts)
    found: list[Candidate] = []
    built: list[BuiltT] = []
    failures: Counter[str] = Counter()
    repeats, last = 0, ""
    while len(found) < count:
        proposal = proposals.draw()
        if proposal.content in known and repeats < REPEATS:
            counts["draw_duplicate"] += 1
            repeats += 1
            continue
        id = state.next_candidate + len(found)
        candidate = proposal.candidate(id, state.generation, slots)
        try:
            built.append(build(candidate))
        except Infeasible as problem:
            counts[f"draw_{problem.limit}"] += 1
            failures[problem.limit] += 1
            last = str(problem)
            if failures.total() >= MISFITS:
                raise InputError(no_network(failures, MISFITS, last)) from problem
            continue
        proposals.take(candidate)
        found.append(candidate)
        known.add(proposal.content)
        failures.clear()
        repeats = 0
    asked = replace(
        state,
        next_candidate=state.next_candidate + count,
        counts=dict(counts),
        memory=proposals.memory(),
    )
    return Asked(state=asked, candidates=tuple(found), built=tuple(built))


def _nobody(most: int, species: int) -> Population[Any]:
    return Population(
        genomes=(),
        species=(),
        threshold=0.0,
        next_innovation=first_free(most),
        next_genome=0,
        next_species=species,
    )


def _joined(state: State, results: Sequence[Result], config: Config) -> State:
    slots = config.evolution.module_species
    candidates = [result.candidate for result in results]
    own = [pair for candidate in candidates for pair in candidate.modules]
    slot_of = {module.id: slot for slot, module in own}
    slot_of |= {id: species.id for species in state.modules.species for id in species.members}
    blueprints = [candidate.blueprint for candidate in candidates]
    ids = (genome.id for genome in (*state.blueprints.genomes, *blueprints))
    # Those that are still under way have ids, too.
    ahead = state.next_candidate
    return replace(
        state,
        modules=_grown(state.modules, [module for _, module in own], slot_of, ahead * slots),
        blueprints=_grown(state.blueprints, blueprints, dict.fromkeys(ids, 0), ahead),
    )


def _grown(
    population: Population[GenomeT],
    born: Sequence[GenomeT],
    species_of: Mapping[int, int],
    next_genome: int,
) -> Population[GenomeT]:
    genomes: list[GenomeT] = list(population.genomes)
    genomes.extend(born)
    genomes.sort(key=lambda genome: genome.id)
    known = {species.id: species for species in population.species}
    species = []
    for id in sorted(set(species_of.values())):
        members = [genome for genome in genomes if species_of[genome.id] == id]
        ids = tuple([genome.id for genome in members])
        old = known.get(id)
        fresh = Species(id=id, representative=members[0], members=ids)
        species.append(replace(old, members=ids) if old else fresh)
    return replace(
        population,
        genomes=tuple(genomes),
        species=tuple(species),
        next_genome=max(population.next_genome, next_genome),
    )


def _kept(population: Population[GenomeT], staying: Collection[int]) -> Population[GenomeT]:
    species = []
    for one in population.species:
        members = tuple([id for id in one.members if id in staying])
        if members:
            species.append(replace(one, members=members, age=one.age + 1))
    return replace(
        population,
        genomes=tuple([genome for genome in population.genomes if genome.id in staying]),
        species=tuple(species),
        **population.records(staying),
    )
