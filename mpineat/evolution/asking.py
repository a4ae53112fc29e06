"""State -> candidates: which blueprints are tried, and with which modules.

Nodes of one blueprint that point to the same species get the same module. Blueprints take turns,
and so do the modules of a species: never evaluated ones first, then those that the last generation
passed over.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from mpineat.config import Config
from mpineat.errors import Infeasible, InputError
from mpineat.evolution.creation import create
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.state import Asked, BuiltT, Population, State
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Candidate, Module

TRIES = 8  # draws of modules for one blueprint before the next blueprint has its turn
ROUNDS = 250  # blueprints in a row that fail before the search space is called empty


def ask(
    state: State, config: Config, build: Callable[[Candidate], BuiltT], count: int | None = None
) -> Asked[BuiltT]:
    """Draw the next candidates.

    Args:
        build: Makes of a candidate what the caller needs; raises Infeasible where that is
            impossible.
        count: How many candidates; None for evolution.candidates.

    Raises:
        InputError: The search space holds no network within its limits.
    """
    count = config.evolution.candidates if count is None else count
    with collector_paused():
        return _ask(state, config, build, count)


def _ask(
    state: State, config: Config, build: Callable[[Candidate], BuiltT], count: int
) -> Asked[BuiltT]:
    draws = draws_for(Purpose.CANDIDATES, state.generation, config, state.next_candidate)
    table = _Table(state, config, draws)
    counts = Counter(state.counts)
    found: list[Candidate] = []
    built: list[BuiltT] = []
    drawn: set[tuple[int, ...]] = set()
    failures: Counter[str] = Counter()
    fruitless, last = 0, ""
    anew = state.generation == 0
    while len(found) < count:
        blueprint = table.next_blueprint(left=count - len(found))
        for attempt in range(TRIES):
            chosen = table.modules_for(blueprint, left=count - len(found))
            key = (blueprint.id, *[module.id for _, module in chosen])
            # A small population has few combinations; then a repetition is better than nothing.
            if key in drawn and attempt < TRIES // 2:
                counts["draw_duplicate"] += 1
                continue
            id = state.next_candidate + len(found)
            candidate = Candidate(id, state.generation, blueprint, chosen)
            try:
                built.append(build(candidate))
            except Infeasible as problem:
                counts[f"draw_{problem.limit}"] += 1
                failures[problem.limit] += 1
                last = str(problem)
                table.take_back(chosen)
                continue
            found.append(candidate)
            drawn.add(key)
            fruitless = 0
            break
        else:
            fruitless += 1
            if fruitless < ROUNDS:
                continue
            if anew:
                raise InputError(no_network(failures, fruitless * TRIES, last))
            state = _drawn_anew(replace(state, counts=dict(counts)), config)
            table, counts = _Table(state, config, draws), Counter(state.counts)
            fruitless, anew = 0, True
    state = replace(state, next_candidate=state.next_candidate + count, counts=dict(counts))
    return Asked(state=state, candidates=tuple(found), built=tuple(built))


def _drawn_anew(state: State, config: Config) -> State:
    """Return the generation with populations drawn as in generation 0.

    Populations may grow out of tight limits; a search of days does not end for that.
    """
    space = config.search_space
    sizes = space.initial_module_nodes, space.initial_blueprint_nodes
    fresh = create(config, state.generation, *sizes, after=state)
    return replace(
        fresh,
        context=state.context,
        counts=Counter(state.counts) + Counter(fresh.counts) + Counter(populations_drawn_anew=1),
        events=(*state.events, "the populations outgrew the limits and were drawn anew"),
    )


class _Table:
    """The blueprints and the modules of every species, ready to be dealt."""

    def __init__(self, state: State, config: Config, draws: Draws) -> None:
        self.state, self.draws, self.retain = state, draws, config.evolution.retain_modules
        self.blueprint_of = {genome.id: genome for genome in state.blueprints.genomes}
        self.module_of = {genome.id: genome for genome in state.modules.genomes}
        self.decks = {s.id: _Deck(s.members, state.modules, draws) for s in state.modules.species}
        self.blueprints = _Deck(list(self.blueprint_of), state.blueprints, draws)
        self.naming: dict[int, _Deck] = {}  # species -> the blueprints that name it

    def next_blueprint(self, left: int) -> Blueprint:
        """Return the blueprint whose turn it is.

        Where a species has so many modules undealt that the turns to come might not reach them
        all, one that names this species comes first.

        Args:
            left: Candidates still to come, this one included.
        """
        species, deck = max(self.decks.items(), key=lambda item: item[1].undealt)
        if deck.is_urgent(left):
            if species not in self.naming:
                named = [
                    blueprint.id
                    for blueprint in self.blueprint_of.values()
                    if any([node.species == species for node in blueprint.nodes])
                ]
                self.naming[species] = _Deck(named, self.state.blueprints, self.draws)
            if self.naming[species].ids:
                return self.blueprint_of[self.naming[species].deal()]
        return self.blueprint_of[self.blueprints.deal()]

    def modules_for(self, blueprint: Blueprint, left: int) -> tuple[tuple[int, Module], ...]:
        """Return a module for each species that the blueprint names.

        Args:
            left: Candidates still to come, this one included. Where they just suffice for the
                undealt modules of a species, one of those is taken, not the retained one.
        """
        kept = dict(blueprint.retained)
        chosen = []
        for species in sorted({node.species for node in blueprint.nodes}):
            deck, id = self.decks[species], kept.get(species)
            if (
                id not in self.module_of
                or deck.is_urgent(left)
                or self.draws.uniform() >= self.retain
            ):
                id = deck.deal()
            chosen.append((species, self.module_of[id]))
        return tuple(chosen)

    def take_back(self, chosen: Sequence[tuple[int, Module]]) -> None:
        """Give modules of a failed draw a second chance."""
        for species, module in chosen:
            self.decks[species].take_back(module.id)


class _Deck:
    """Ids dealt in random order, the least known first; when all are dealt, shuffled anew."""

    def __init__(
        self,
        ids: Sequence[int],
        population: Population[Module] | Population[Blueprint],
        draws: Draws,
    ) -> None:
        fitness, uses = population.fitness, population.uses
        self.ids, self.draws = ids, draws
        order = draws.shuffled(ids)
        order.sort(key=lambda id: 0 if id not in fitness else 1 if id not in uses else 2)
        self.order = deque(order)
        self.returned: set[int] = set()
        self.undealt = len(ids)

    def is_urgent(self, left: int) -> bool:
        """Return whether so many draws would just suffice to deal every id once."""
        return self.undealt <= left < 2 * self.undealt

    def deal(self) -> int:
        """Return the next id."""
        if not self.order:
            self.order.extend(self.draws.shuffled(self.ids))
        self.undealt = max(0, self.undealt - 1)
        return self.order.popleft()

    def take_back(self, id: int) -> None:
        """Put an id under the deck, once."""
        if id not in self.returned:
            self.returned.add(id)
            self.order.append(id)


def no_network(failures: Counter[str], tries: int, last: str) -> str:
    """Say that the search space holds no network, as far as so many tries can tell."""
    reasons = ", ".join(f"{reason} {number}" for reason, number in failures.most_common())
    return (
        f"search_space: none of the last {tries} draws gave a network within its limits "
        f"({reasons}; last: {last}); "
        "raise the limit, or lower search_space.filters, kernel_sizes or initial_*_nodes"
    )
