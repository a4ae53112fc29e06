from hypothesis import given

from mpineat.genotype.validity import blueprint_problem, module_problem
from tests.strategies import WILD, Nursery, families


@given(families())
def test_offspring_are_valid_and_take_the_fitter_parents_graph(family):
    nursery, (fitter, other), (fitter_b, other_b) = family
    before = repr((fitter, other, fitter_b, other_b))
    child = nursery.crossed_modules(fitter, other)
    child_b = nursery.crossed_blueprints(fitter_b, other_b)
    assert module_problem(child, WILD) is None
    assert blueprint_problem(child_b, WILD) is None
    for young, old in ((child, fitter), (child_b, fitter_b)):
        assert [gene[:3] for gene in young.connections] == [gene[:3] for gene in old.connections]
        assert [node.id for node in young.nodes] == [node.id for node in old.nodes]
        assert young.parents[0] == old.id
    assert repr((fitter, other, fitter_b, other_b)) == before


@given(families())
def test_matching_genes_come_from_either_parent_and_from_nowhere_else(family):
    nursery, (fitter, other), (fitter_b, other_b) = family
    for _ in range(5):
        child = nursery.crossed_modules(fitter, other)
        assert set(child.nodes) <= set(fitter.nodes) | set(other.nodes)
        assert child.join in (fitter.join, other.join)
        child_b = nursery.crossed_blueprints(fitter_b, other_b)
        assert set(child_b.nodes) <= set(fitter_b.nodes) | set(other_b.nodes)
        pairs = zip(child_b.dense, fitter_b.dense, other_b.dense, strict=True)
        assert all(units in (a, b) for units, a, b in pairs)
        settings = zip(child_b.training, fitter_b.training, other_b.training, strict=True)
        assert all(value in (a, b) for value, a, b in settings)


def test_both_parents_give_genes():
    nursery = Nursery(5)
    fitter = nursery.module(0)
    other = fitter
    while other.nodes[0] == fitter.nodes[0] or other.nodes[0].id != fitter.nodes[0].id:
        other = nursery.mutant_module(fitter)
    firsts = [nursery.crossed_modules(fitter, other).nodes[0] for _ in range(200)]
    assert 60 < firsts.count(fitter.nodes[0]) < 140
    assert 60 < firsts.count(other.nodes[0]) < 140


def test_a_genome_crossed_with_itself_is_itself():
    nursery = Nursery(2)
    module, blueprint = nursery.module(10), nursery.blueprint(10)
    child = nursery.crossed_modules(module, module)
    assert (child.nodes, child.connections, child.join) == (
        module.nodes,
        module.connections,
        module.join,
    )
    child_b = nursery.crossed_blueprints(blueprint, blueprint)
    assert (child_b.nodes, child_b.connections) == (blueprint.nodes, blueprint.connections)
