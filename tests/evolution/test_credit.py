from dataclasses import replace

import pytest

from mpineat.evolution.credit import tell
from mpineat.evolution.strategies.coevolution import CoDeepNEAT
from mpineat.genotype.genome import Candidate
from tests.evolution.values import config, grown, judged

OPTIONS = config(modules=6, blueprints=4, retain_modules=0.5)
STATE = grown(OPTIONS, 0)
B = STATE.blueprints.genomes
M = STATE.modules.genomes
SPECIES = {id: s.id for s in STATE.modules.species for id in s.members}


def result(blueprint, modules, fitness, fault=""):
    pairs = tuple(sorted((SPECIES[m.id], m) for m in modules))
    return judged(Candidate(0, 0, blueprint, pairs), fitness, fault)


def test_fitness_is_the_mean_over_the_candidates_that_used_a_genome():
    told = tell(
        STATE,
        [result(B[0], [M[0]], 0.2), result(B[1], [M[0]], 0.6), result(B[1], [M[1]], 1.0)],
        OPTIONS,
    )
    assert told.evaluated
    assert told.modules.fitness == pytest.approx({M[0].id: 0.4, M[1].id: 1.0})
    assert told.modules.uses == {M[0].id: 2, M[1].id: 1}
    assert told.blueprints.fitness == pytest.approx({B[0].id: 0.2, B[1].id: 0.8})


def test_a_genome_that_no_candidate_used_keeps_its_last_fitness():
    first = tell(STATE, [result(B[0], [M[0]], 0.3)], OPTIONS)
    second = tell(first, [result(B[1], [M[1]], 0.9)], OPTIONS)
    assert second.modules.fitness[M[0].id] == 0.3
    assert M[0].id not in second.modules.uses


def test_a_failure_counts_as_the_worst_only_if_it_was_the_candidates_own():
    results = [
        result(B[0], [M[0]], 0.5),
        result(B[1], [M[1]], 0.8),
        result(B[2], [M[2]], None, "candidate"),
        result(B[3], [M[3]], None, "machine"),
    ]
    told = tell(STATE, results, OPTIONS)
    assert told.modules.fitness[M[2].id] == 0.5
    assert M[3].id not in told.modules.fitness
    ignoring = config(modules=6, blueprints=4, failed_fitness="ignore")
    assert M[2].id not in tell(STATE, results, ignoring).modules.fitness


def test_a_generation_of_failures_alone_counts_as_nothing_learned_but_zero():
    told = tell(STATE, [result(B[0], [M[0]], None, "candidate")], OPTIONS)
    assert told.modules.fitness == {M[0].id: 0.0}


def test_results_of_genomes_that_are_gone_are_passed_over():
    later = grown(OPTIONS, 3)
    told = tell(later, [result(B[0], [M[0]], 1.0)], OPTIONS)
    living = {g.id for g in later.modules.genomes}
    assert set(told.modules.fitness) <= living


def test_stagnation_counts_the_generations_without_a_better_best():
    species_of = lambda state: {s.id: s for s in state.modules.species}[SPECIES[M[0].id]]  # noqa: E731
    state = STATE
    seen = []
    for fitness in (0.5, 0.5, 0.4, 0.6):
        state = tell(state, [result(B[0], [M[0]], fitness)], OPTIONS)
        seen.append((species_of(state).best_fitness, species_of(state).stagnation))
    assert seen == [(0.5, 0), (0.5, 1), (0.5, 2), (0.6, 0)]


def test_a_blueprint_retains_the_modules_of_its_best_candidate():
    node = B[0].nodes[0].species
    served = [m for m in M if SPECIES[m.id] == node]
    assert served
    (rival, best) = (served[0], served[-1])
    told = tell(STATE, [result(B[0], [rival], 0.4), result(B[0], [best], 0.9)], OPTIONS)
    assert dict(told.blueprints.genomes[0].retained)[node] == best.id
    # Another generation in which it did not take part, with a worse candidate: it is kept.
    kept = tell(told, [result(B[0], [rival], 0.1)], OPTIONS)
    assert dict(kept.blueprints.genomes[0].retained)[node] == (
        best.id if rival != best else rival.id
    )
    without = config(modules=6, blueprints=4, retain_modules=0.0)
    assert tell(STATE, [result(B[0], [best], 0.9)], without).blueprints.genomes[0].retained == ()


def estimated(blueprint, modules, estimate):
    found = result(blueprint, modules, None)
    return replace(found, outcome=replace(found.outcome, status="discarded", estimate=estimate))


def test_an_estimate_counts_half_and_is_marked():
    told = tell(
        STATE,
        [result(B[0], [M[0]], 0.9), estimated(B[1], [M[0]], 0.3), estimated(B[1], [M[1]], 0.2)],
        OPTIONS,
    )
    assert told.modules.fitness == pytest.approx({M[0].id: 0.7, M[1].id: 0.2})
    assert told.modules.estimated == {M[1].id}
    assert told.blueprints.estimated == {B[1].id}
    later = tell(told, [result(B[1], [M[1]], 0.5)], OPTIONS)
    assert not later.modules.estimated | later.blueprints.estimated


def test_an_estimate_does_not_wipe_out_what_was_measured():
    first = tell(STATE, [result(B[0], [M[0]], 0.9)], OPTIONS)
    second = tell(first, [estimated(B[0], [M[0]], 0.3)], OPTIONS)
    assert second.modules.fitness[M[0].id] == pytest.approx(0.7)
    assert not second.modules.estimated


def test_elites_come_from_full_trainings_alone():
    options = config(modules=6, blueprints=4, elites=2, elites_per_species=1)
    results = [result(B[0], [M[0]], 0.5), *(estimated(B[1], [m], 0.9) for m in M[1:])]
    bred = CoDeepNEAT().breed(tell(STATE, results, options), options)
    kept = {genome.id for genome in bred.modules.genomes} & {m.id for m in M}
    assert kept == {M[0].id}
