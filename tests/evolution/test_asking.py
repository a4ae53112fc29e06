from collections import Counter
from dataclasses import replace

import pytest

from mpineat.errors import Infeasible, InputError
from mpineat.evolution import asking
from mpineat.evolution.asking import ask
from mpineat.evolution.credit import tell
from tests.evolution.values import building, config, grown, judged


def asked(state, options, count=None, build=lambda candidate: candidate.id):
    return ask(state, options, build, count)


def test_nodes_that_point_to_one_species_get_one_living_module_of_it():
    options = config(modules=30, blueprints=20, candidates=60)
    state = grown(options, 3)
    members = {s.id: set(s.members) for s in state.modules.species}
    for candidate in asked(state, options).candidates:
        named = sorted({node.species for node in candidate.blueprint.nodes})
        assert [species for species, _ in candidate.modules] == named
        assert all(module.id in members[species] for species, module in candidate.modules)


def test_ids_ascend_over_the_generations_and_the_state_counts_on():
    options = config(candidates=7)
    state = grown(options, 2)
    found = asked(state, options)
    assert [c.id for c in found.candidates] == list(range(14, 21)) == list(found.built)
    assert found.state.next_candidate == 21
    assert {c.generation for c in found.candidates} == {2}


@pytest.mark.parametrize("generations", [0, 3, 5])
def test_with_as_many_candidates_as_modules_nearly_every_module_is_used(generations):
    options = config(modules=200, blueprints=100, candidates=200, module_species=5)
    found = asked(grown(options, generations), options).candidates
    used = Counter(module.id for c in found for _, module in c.modules)
    assert len(used) >= 0.95 * 200
    turns = Counter(c.blueprint.id for c in found)
    assert len(turns) == 100
    assert max(turns.values()) <= 8


def test_the_draw_covers_every_module_species():
    options = config(modules=30, blueprints=12, candidates=24, module_species=6)
    for state in grown(options, 6, keep=True):
        if not state.evaluated:
            named = {s for c in asked(state, options).candidates for s, _ in c.modules}
            assert named == {s.id for s in state.modules.species}


def test_those_that_were_passed_over_are_drawn_first():
    options = config(modules=24, blueprints=24, candidates=12, retain_modules=0)
    state = grown(options, 0)
    first = asked(state, options)
    results = [judged(c, 0.5) for c in first.candidates]
    told = tell(first.state, results, options)
    second = asked(replace(told, generation=1), options)
    blueprints = [{c.blueprint.id for c in found.candidates} for found in (first, second)]
    assert not blueprints[0] & blueprints[1]
    fresh = {m.id for c in second.candidates for _, m in c.modules} - set(told.modules.fitness)
    assert fresh == {g.id for g in state.modules.genomes} - set(told.modules.fitness)


def test_a_retained_module_is_taken_at_its_rate():
    options = config(
        modules=40, blueprints=1, blueprint_species=1, candidates=1, retain_modules=1.0
    )
    state = grown(options, 0)
    (blueprint,) = state.blueprints.genomes
    species = blueprint.nodes[0].species
    module = next(s for s in state.modules.species if s.id == species).members[-1]
    held = blueprint._replace(retained=((species, module),))
    state = replace(state, blueprints=replace(state.blueprints, genomes=(held,)))
    taken = dict(asked(state, options).candidates[0].modules)[species].id
    assert taken == module
    never = config(modules=40, blueprints=1, blueprint_species=1, retain_modules=0.0)
    chosen = {
        dict(asked(replace(state, next_candidate=i), never, 1).candidates[0].modules)[species].id
        for i in range(10)
    }
    assert len(chosen) > 3


def test_infeasible_draws_are_counted_by_reason_and_drawn_again():
    options = config(modules=30, blueprints=20, candidates=20)

    def build(candidate):
        if candidate.modules[0][1].id % 3 == 0:
            raise Infeasible("too_large", "it is divisible by three")
        return candidate.id

    found = asked(grown(options, 0), options, build=build)
    assert len(found.candidates) == 20
    assert found.state.counts["draw_too_large"] > 0
    assert all(c.modules[0][1].id % 3 for c in found.candidates)


def test_an_empty_search_space_is_an_input_error_that_says_which_limit():
    options = config(space={"max_parameters": 10})
    with pytest.raises(InputError, match=r"too_large .* exceeds search_space.max_parameters = 10"):
        asked(grown(options, 0), options, build=building(options))


def test_populations_that_outgrew_the_limits_are_drawn_anew():
    options = config(candidates=20)
    state = grown(options, 2)
    old = {genome.id for genome in state.modules.genomes}

    def build(candidate):
        if any(module.id in old for _, module in candidate.modules):
            raise Infeasible("too_many_flops", "an old module")
        return candidate.id

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "ROUNDS", 2)
        found = asked(state, options, build=build)
    first = state.next_candidate
    assert [c.id for c in found.candidates] == list(range(first, first + 20)) == list(found.built)
    assert found.state.counts["populations_drawn_anew"] == 1
    assert min(g.id for g in found.state.modules.genomes) > max(old)
    told = tell(found.state, [judged(c, 0.5) for c in found.candidates], options)
    assert told.modules.fitness
