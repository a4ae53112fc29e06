from mpineat.genotype.validity import blueprint_problem, module_problem
from tests.evolution.values import config, grown

OPTIONS = config(strategy="random", modules=60, blueprints=40, candidates=10)


def test_every_generation_is_new_and_spans_the_whole_search_space():
    first, second = grown(OPTIONS, 1), grown(OPTIONS, 2)
    ids = [{g.id for g in state.modules.genomes} for state in (first, second)]
    assert not ids[0] & ids[1]
    assert {len(g.nodes) for g in second.modules.genomes} == set(range(1, 9))
    assert any(len(g.connections) > len(g.nodes) + 1 for g in second.modules.genomes)
    assert {g.birth for g in second.blueprints.genomes} == {2}


def test_random_genomes_are_valid_and_name_living_species():
    state = grown(OPTIONS, 3)
    assert not [p for m in state.modules.genomes if (p := module_problem(m, OPTIONS))]
    assert not [p for b in state.blueprints.genomes if (p := blueprint_problem(b, OPTIONS))]
    living = {s.id for s in state.modules.species}
    assert {n.species for b in state.blueprints.genomes for n in b.nodes} == living


def test_one_seed_gives_one_history():
    assert grown(OPTIONS, 2) == grown(OPTIONS, 2)
