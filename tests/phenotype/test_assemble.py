import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.config import Config
from mpineat.errors import Infeasible
from mpineat.genotype.genes import BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Network, Origin
from tests.strategies import WILD, Nursery, seeds, steps

SPACE = Config().search_space


def wires(*pairs):
    return tuple(Connection(10 + i, *pair, True) for i, pair in enumerate(pairs))


def module(*nodes, pairs, join="add", id=7):
    genes = tuple(ModuleNode(*node) for node in nodes)
    return Module(id, genes, wires(*pairs), join)


def network(module, shape=(9, 9, 3), dense=(32,), pairs=((0, 5), (5, 1)), space=SPACE):
    ids = sorted({end for pair in pairs for end in pair} - {0, 1})
    blueprint = Blueprint(0, tuple(BlueprintNode(id, 0) for id in ids), wires(*pairs), dense)
    return assemble(Candidate(0, 0, blueprint, ((0, module),)), shape, 10, space)


CHAIN = module((2, 16, 3, "max_pooling", 0.0), pairs=((0, 2), (2, 1)))


@given(seeds, steps, st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4)))
def test_every_genome_assembles_on_every_input(seed, steps, shape):
    nursery = Nursery(seed)
    blueprint = nursery.blueprint(steps)
    species = sorted({node.species for node in blueprint.nodes})
    modules = tuple((s, nursery.module(steps)) for s in species)
    space = WILD.search_space.model_copy(update={"max_layers": 10**6})
    found = assemble(Candidate(0, 0, blueprint, modules), shape, 7, space)
    assert all(min(extent) >= 1 for extent in found.shapes.values())
    assert found.shapes[found.output] == (7,)
    assert (found[found.output].op, found[found.output].activation) == ("dense", None)
    assert Network.from_json(found.to_json()) == found


def test_a_chain_is_laid_layer_by_layer_with_its_origin():
    found = network(CHAIN)
    assert [(layer.name, layer.op) for layer in found.layers] == [
        ("b5_n2", "conv2d"),
        ("b5_n2_pool", "maxpool"),
        ("flatten", "flatten"),
        ("dense_1", "dense"),
        ("output", "dense"),
    ]
    assert found.layers[0].origin == found.layers[1].origin == Origin(5, 7, 2)
    assert found.layers[3].origin is None
    assert found.shapes["b5_n2_pool"] == (4, 4, 16)
    assert (found["b5_n2"].activation, found["dense_1"].activation) == ("relu", "relu")


def test_two_nodes_of_one_species_hold_the_same_module_twice():
    found = network(CHAIN, pairs=((0, 5), (5, 6), (6, 1)))
    assert found["b5_n2"].filters == found["b6_n2"].filters
    assert found["b6_n2"].origin == Origin(6, 7, 2)


def test_dropout_follows_its_convolution():
    found = network(module((2, 16, 3, "dropout", 0.3), pairs=((0, 2), (2, 1))))
    assert found["b5_n2_dropout"].rate == 0.3
    assert found["b5_n2_dropout"].inputs == ("b5_n2",)


UNEQUAL = ((2, 16, 3, "max_pooling", 0.0), (3, 24, 3, "none", 0.0))
FORK = ((0, 2), (0, 3), (2, 1), (3, 1))


def test_add_pools_to_the_smaller_map_and_widens_to_the_wider():
    found = network(module(*UNEQUAL, pairs=FORK))
    join = found["b5_out_add"]
    assert found.shapes[join.name] == (4, 4, 24)
    pooled = next(layer for layer in found.layers if layer.name == "b5_out_fit2")
    assert (pooled.op, pooled.inputs, pooled.pool) == ("maxpool", ("b5_n3",), (2, 2))
    widened = found["b5_out_widen1"]
    assert (widened.kernel, widened.filters, widened.activation) == ((1, 1), 24, None)
    assert widened.origin is None


def test_concat_pools_alone():
    found = network(module(*UNEQUAL, pairs=FORK, join="concat"))
    assert found.shapes["b5_out_concat"] == (4, 4, 40)
    assert not [layer for layer in found.layers if "widen" in layer.name]


def test_maps_many_poolings_apart_meet():
    deep = [(i, 16, 1, "max_pooling", 0.0) for i in (2, 3, 4)]
    found = network(module(*deep, pairs=((0, 2), (2, 3), (3, 4), (4, 1), (0, 1))), (30, 22, 3))
    assert found.shapes["b5_out_add"] == (3, 2, 16)
    assert found["b5_out_fit1"].pool == (8, 8)


def test_pooling_stops_at_a_map_of_one():
    deep = [(i, 16, 1, "max_pooling", 0.0) for i in (2, 3, 4)]
    found = network(module(*deep, pairs=((0, 2), (2, 3), (3, 4), (4, 1))), (4, 2, 1))
    assert [layer.op for layer in found.layers].count("maxpool") == 1
    assert found.shapes["b5_n4"] == (2, 1, 16)


@pytest.mark.parametrize("shape", [(1, 24, 2), (1, 1, 1), (5, 9, 3)])
def test_kernels_and_pools_of_rows_leave_the_height(shape):
    space = SPACE.model_copy(update={"kernel_shape": "row"})
    one, other = (3, 16, 1, "none", 0.0), (4, 24, 5, "none", 0.0)
    fork = module(CHAIN.nodes[0], one, other, pairs=((0, 2), (2, 3), (0, 4), (3, 1), (4, 1)))
    for genome in (CHAIN, fork):
        found = network(genome, shape, space=space)
        assert all(layer.kernel[0] == 1 for layer in found.layers if layer.kernel)
        assert all(layer.pool[0] == layer.strides[0] == 1 for layer in found.layers if layer.pool)
        assert all(size[0] == shape[0] for size in found.shapes.values() if len(size) == 3)
        assert any(layer.pool for layer in found.layers) == (shape[1] > 1)
    assert cost.flops(network(CHAIN, shape, space=space)) < cost.flops(network(CHAIN, shape))


def test_the_search_space_chooses_batch_norm_head_and_dense_layers():
    space = SPACE.model_copy(update={"batch_norm": True, "head": "global_average_pool"})
    found = network(CHAIN, dense=(40, 50), space=space)
    assert found["b5_n2"].op == "conv2d_bn"
    assert found.shapes["global_average_pool"] == (16,)
    assert (found["dense_1"].units, found["dense_2"].units) == (40, 50)


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"max_layers": 3}, "too_deep"),
        ({"max_parameters": 100}, "too_large"),
        ({"max_flops": 1000}, "too_many_flops"),
        ({"max_memory_mb": 0.01}, "too_much_memory"),
    ],
)
def test_each_limit_refuses_by_its_own_reason(limit, reason):
    space = SPACE.model_copy(update=limit)
    check_limits(network(CHAIN), SPACE, 32)
    with pytest.raises(Infeasible, match=f"search_space.{next(iter(limit))}") as caught:
        check_limits(network(CHAIN), space, 32)
    assert caught.value.limit == reason


def test_a_network_of_too_many_layers_is_given_up_early():
    with pytest.raises(Infeasible) as caught:
        network(CHAIN, space=SPACE.model_copy(update={"max_layers": 3}))
    assert caught.value.limit == "too_deep"


def test_equal_genes_give_equal_hashes_whatever_their_ids():
    renamed = CHAIN._replace(
        id=99, nodes=(CHAIN.nodes[0]._replace(id=4),), connections=wires((0, 4), (4, 1))
    )
    other = network(renamed, pairs=((0, 8), (8, 1)))
    assert other.hash() == network(CHAIN).hash()
    wider = CHAIN._replace(nodes=(CHAIN.nodes[0]._replace(filters=17),))
    assert network(wider).hash() != network(CHAIN).hash()
