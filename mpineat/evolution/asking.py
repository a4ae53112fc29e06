"""State -> candidates: which blueprints are tried, and with which modules.

Nodes of one blueprint that point to the same species get the same module. Blueprints take turns,
and so do the modules of a species: never evaluated ones first, then those that the last generation
passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mpineat.config import Config
from mpineat.errors import Infeasible, InputError
from mpineat.evolution.collector import collector_paused
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.state import Asked, BuiltT, Population, State
from mpineat.genotype.candidate import Candidate
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Module

TRIES = 8  # draws of modules for one blueprint before the next blueprint has its turn
ROUNDS = 25  # blueprints in a row that fail before the search space is called empty


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
    blueprints = _Deck([genome.id for genome in state.blueprints.genomes], state.blueprints, draws)
    modules = {s.id: _Deck(s.members, state.modules, draws) for s in state.modules.species}
    blueprint_of = {genome.id: genome for genome in state.blueprints.genomes}
    module_of = {genome.id: genome for genome in state.modules.genomes}
    counts = Counter(state.counts)
    found: list[Candidate] = []
    built: list[BuiltT] = []
    drawn: set[tuple[int, ...]] = set()
    failures: Counter[str] = Counter()
    fruitless, last = 0, ""
    while len(found) < count:
        blueprint = blueprint_of[blueprints.deal()]
        for attempt in range(TRIES):
            chosen = _choose_modules(
                blueprint, modules, module_of, config, draws, retain=attempt == 0
            )
            key = (blueprint.id, *[module.id for _, module in chosen])
            # The last tries take a repetition rather than nothing: small populations have few
            # combinations.
            if key in drawn and attempt < TRIES // 2:
                counts["draw_duplicate"] += 1
                continue
            candidate = Candidate(
                state.next_candidate + len(found), state.generation, blueprint, chosen
            )
            try:
                built.append(build(candidate))
            except Infeasible as problem:
                counts[f"draw_{problem.reason}"] += 1
                failures[problem.reason] += 1
                last = str(problem)
                continue
            found.append(candidate)
            drawn.add(key)
            fruitless = 0
            break
        else:
            fruitless += 1
            if fruitless >= max(ROUNDS, 2 * len(blueprint_of)):
                raise InputError(_empty(failures, fruitless * TRIES, last))
    state = replace(state, next_candidate=state.next_candidate + count, counts=dict(counts))
    return Asked(state=state, candidates=tuple(found), built=tuple(built))


def _choose_modules(
    blueprint: Blueprint,
    decks: dict[int, _Deck],
    module_of: dict[int, Module],
    config: Config,
    draws: Draws,
    retain: bool,
) -> tuple[tuple[int, Module], ...]:
    kept = dict(blueprint.retained) if retain else {}
    chosen = []
    for species in sorted({node.species for node in blueprint.nodes}):
        id = kept.get(species)
        if id not in module_of or draws.uniform() >= config.evolution.retain_modules:
            id = decks[species].deal()
        chosen.append((species, module_of[id]))
    return tuple(chosen)


class _Deck:
    """Ids dealt in random order, the least known first; when all are dealt, shuffled anew."""

    def __init__(
        self,
        ids: Sequence[int],
        population: Population[Module] | Population[Blueprint],
        draws: Draws,
    ) -> None:
        fitness, uses = population.fitness, population.uses
        order = draws.shuffled(ids)
        order.sort(key=lambda id: 0 if id not in fitness else 1 if id not in uses else 2)
        self.deal: Callable[[], int] = _deal(order, draws).__next__


def _deal(order: list[int], draws: Draws) -> Iterator[int]:
    while True:
        yield from order
        order = draws.shuffled(order)


def _empty(failures: Counter[str], tries: int, last: str) -> str:
    reasons = ", ".join(f"{reason} {number}" for reason, number in failures.most_common())
    return (
        f"search_space: none of the last {tries} draws gave a network within its limits "
        f"({reasons}; last: {last}); "
        "raise the limit, or lower search_space.filters, kernel_sizes or initial_*_nodes"
    )
