"""What holds between the values of a generation, beyond the range of each one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, pairwise

from mpineat.evolution.state import GenomeT, Population, State
from mpineat.genotype.genes import OUTPUT
from mpineat.genotype.genome import Candidate
from mpineat.genotype.validity import graph_problem, pointers_problem
from mpineat.judgement import judgement_problem
from mpineat.store.columns import BadValue
from mpineat.tasks import Outcome

# Of counters and of sizes that grow from generation to generation, with room to do so in 64 bits.
LARGEST = 1 << 62
WIDEST = 1 << 24  # filters or units


def check(state: State, candidates: Sequence[Candidate], outcomes: Sequence[Outcome]) -> None:
    """Check that genomes are graphs, that what is named is there, that counters are ahead.

    Raises:
        BadValue: Something that mpineat never writes.
    """
    if not state.evaluated:
        raise BadValue("the generation was never evaluated")
    modules, blueprints = state.modules, state.blueprints
    _check_population(
        "modules", modules, chain.from_iterable((m for _, m in c.modules) for c in candidates)
    )
    _check_population("blueprints", blueprints, (c.blueprint for c in candidates))
    for module in modules.genomes:
        if any(node.filters > WIDEST or node.kernel > WIDEST for node in module.nodes):
            raise BadValue(f"module {module.id} has a node wider than {WIDEST:,}")
    known = {one.id for one in modules.species}
    for blueprint in blueprints.genomes:
        if not known.issuperset(node.species for node in blueprint.nodes):
            raise BadValue(f"blueprint {blueprint.id} points to a species that is not there")
        if any(units > WIDEST for units in blueprint.dense):
            raise BadValue(f"blueprint {blueprint.id} has a layer wider than {WIDEST:,}")
    _check_candidates(state, candidates)
    _check_outcomes(state, outcomes)


def _check_population(
    name: str, population: Population[GenomeT], of_candidates: Iterable[GenomeT]
) -> None:
    _check_ascending(f"ids of {name}", [genome.id for genome in population.genomes])
    species = [one.id for one in population.species]
    _check_ascending(f"ids of {name}' species", species)
    # Not `id`, which is called below: Python 3.12.1 takes the two for one.
    members = [member for one in population.species for member in one.members]
    if sorted(members) != [genome.id for genome in population.genomes]:
        raise BadValue(f"the species of {name} are no partition of them")
    for one in population.species:
        if not one.members:
            raise BadValue(f"species {one.id} of {name} has no member")
    others = (one.representative for one in population.species)
    # Most candidates share their genomes.
    everyone = {id(g): g for g in chain(population.genomes, others, of_candidates)}.values()
    for genome in everyone:
        if wrong := graph_problem(genome):
            raise BadValue(f"{name} {genome.id}: {wrong}")
    numbers: Iterable[int] = (
        max(chain((n.id for n in g.nodes), (c.innovation for c in g.connections))) for g in everyone
    )
    _check_counter(f"{name}: next_innovation", population.next_innovation, (OUTPUT, *numbers))
    _check_counter(f"{name}: next_genome", population.next_genome, (g.id for g in everyone))
    _check_counter(f"{name}: next_species", population.next_species, species)


def _check_candidates(state: State, candidates: Sequence[Candidate]) -> None:
    if len({candidate.id for candidate in candidates}) < len(candidates):
        raise BadValue("two candidates have one id")
    _check_counter("next_candidate", state.next_candidate, (c.id for c in candidates))
    for candidate in candidates:
        if wrong := pointers_problem(candidate):
            raise BadValue(f"candidate {candidate.id}: {wrong}")


def _check_outcomes(state: State, outcomes: Sequence[Outcome]) -> None:
    if len({outcome.metric is None for outcome in outcomes if outcome.accuracy is not None}) > 1:
        raise BadValue("some outcomes have a metric, others have none")
    for outcome in outcomes:
        if (outcome.status == "ok") != (outcome.accuracy is not None):
            raise BadValue(f"candidate {outcome.candidate} is {outcome.status}, its accuracy not")
        if wrong := judgement_problem(outcome):
            raise BadValue(f"candidate {outcome.candidate}: {wrong}")
        if (outcome.status == "discarded") != (outcome.estimate is not None):
            raise BadValue(f"candidate {outcome.candidate} is {outcome.status}, its estimate not")
        first = outcome.reused_from
        if first is not None and (first == outcome.candidate or first >= state.next_candidate):
            raise BadValue(f"candidate {outcome.candidate} repeats candidate {first}")


def _check_ascending(what: str, numbers: Sequence[int]) -> None:
    if any(one >= following for one, following in pairwise(numbers)):
        raise BadValue(f"the {what} do not ascend")


def _check_counter(what: str, counter: int, used: Iterable[int]) -> None:
    if not max(used, default=-1) < counter < LARGEST:
        raise BadValue(f"{what} is {counter}, expected a number that was never used")
