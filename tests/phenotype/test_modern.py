"""Networks of today: residual sums, separable convolutions, stages; figures computed by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpineat.config import Config, SearchSpace
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import BlueprintNode, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.innovation import Innovations
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble, build_network
from mpineat.phenotype.channels import plan_channels
from mpineat.phenotype.inherit import write_back
from mpineat.phenotype.narrow import keep_alive, scale_widths, widened
from mpineat.phenotype.network import Network, Origin
from mpineat.tasks import Outcome
from tests.phenotype.networks import build, depthwise, head, join, norm
from tests.phenotype.test_assemble import wires
from tests.strategies import MODERN, Nursery, seeds, steps

REDUCTIONS = ("none", "stride", "max_pooling")
SPACE = SearchSpace.model_validate({"preset": "modern", "reductions": REDUCTIONS})


def node(id, filters=8, kernel=3, convolution="full", activation="relu"):
    return ModuleNode(id, filters, kernel, "none", 0.0, convolution, activation)


def module(*nodes, join="residual", pairs=((0, 2), (2, 1))):
    return Module(7, nodes, wires(*pairs), join)


def network(genome, *reductions, shape=(9, 9, 3), space=SPACE):
    """Return a chain of the module, a blueprint node for each reduction."""
    ids = range(5, 5 + len(reductions))
    ends = (0, *ids, 1)
    pointers = tuple(BlueprintNode(id, 0, r) for id, r in zip(ids, reductions, strict=True))
    pairs = wires(*pairwise(ends))
    blueprint = Blueprint(0, pointers, pairs, ())
    return assemble(Candidate(0, 0, blueprint, ((0, genome),)), shape, 10, space)


@given(seeds, steps, st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4)))
@settings(max_examples=25)
@pytest.mark.parametrize("shape_of_kernels", ["square", "row"])
def test_every_genome_assembles_on_every_input(shape_of_kernels, seed, steps, shape):
    nursery = Nursery(seed, MODERN)
    blueprint = nursery.blueprint(steps)
    species = sorted({pointer.species for pointer in blueprint.nodes})
    modules = tuple((s, nursery.module(steps)) for s in species)
    space = MODERN.search_space.model_copy(update={"kernel_shape": shape_of_kernels})
    found = assemble(Candidate(0, 0, blueprint, modules), shape, 7, space)
    assert found.shapes[found.output] == (7,)
    assert Network.from_json(found.to_json()) == found
    for layer in found.layers:
        if layer.op == "depthwise":  # TensorFlow has no other
            assert layer.strides[0] == layer.strides[1]


@given(seeds, st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_costs_are_those_of_the_alive_groups(seed, random):
    nursery = Nursery(seed, MODERN)
    blueprint = nursery.blueprint(3)
    species = sorted({pointer.species for pointer in blueprint.nodes})
    modules = tuple((s, nursery.module(3)) for s in species)
    found = assemble(Candidate(0, 0, blueprint, modules), (8, 8, 3), 4, MODERN.search_space)
    plan = plan_channels(found)
    assert plan.full_cost() == cost.flops(found)
    groups = np.array([random.random() < 0.5 for _ in range(plan.groups)], dtype=bool)
    narrow = keep_alive(found, {name: plan.alive(name, groups) for name in plan.outputs})
    for name in plan.outputs:
        groups[[g for g in plan.outputs[name][narrow.kept[name]] if g >= 0]] = True
    assert cost.flops(narrow.network) == plan.cost(groups)
    assert scale_widths(found, 1.7).shapes["output"] == (4,)


def test_a_residual_module_adds_its_input_to_its_output():
    found = network(module(node(2)), "none", "none")
    assert [(layer.name, layer.op, layer.inputs) for layer in found.layers] == [
        ("b5_n2", "conv2d_bn", ("input",)),
        ("b5_out_shortcut", "conv2d_bn", ("input",)),  # 3 channels to 8
        ("b5_out_residual", "add", ("b5_out_shortcut", "b5_n2")),
        ("b6_n2", "conv2d_bn", ("b5_out_residual",)),
        ("b6_out_residual", "add", ("b5_out_residual", "b6_n2")),
        ("global_average_pool", "global_average_pool", ("b6_out_residual",)),
        ("output", "dense", ("global_average_pool",)),
    ]
    assert (found["b5_out_shortcut"].kernel, found["b5_out_shortcut"].activation) == ((1, 1), None)
    assert found["b5_n2"].norm_momentum == found["b5_out_shortcut"].norm_momentum == 0.9


@pytest.mark.parametrize("reduction", ["stride", "max_pooling"])
def test_a_reduction_halves_the_map_and_doubles_the_filters(reduction):
    found = network(module(node(2)), "none", reduction, reduction)
    sizes = [found.shapes[f"b{place}_out_residual"] for place in (5, 6, 7)]
    assert sizes == [(9, 9, 8), (5, 5, 16), (3, 3, 32)]  # rounded up
    assert found["b6_n2"].strides == ((2, 2) if reduction == "stride" else (1, 1))
    pooled = found["b6_reduce" if reduction == "max_pooling" else "b6_out_shortcut_pool"]
    assert pooled.op == ("maxpool" if reduction == "max_pooling" else "avgpool")
    assert found.shapes[pooled.name] == (5, 5, 8)


def test_a_map_of_one_pixel_is_not_reduced():
    found = network(module(node(2)), *["stride"] * 5, shape=(4, 4, 1))
    assert [found.shapes[f"b{place}_n2"] for place in range(5, 10)] == [
        (2, 2, 16), (1, 1, 32), (1, 1, 32), (1, 1, 32), (1, 1, 32),
    ]  # fmt: skip


def test_nodes_that_are_fed_by_others_too_meet_small_maps():
    fork = module(node(2), node(3), pairs=((0, 2), (0, 3), (2, 3), (3, 1)))
    found = network(fork, "none", "stride")
    assert (found["b6_n2"].strides, found["b6_n3"].strides) == ((2, 2), (1, 1))
    assert found.shapes["b6_n3"] == (5, 5, 16)


def test_a_separable_convolution_is_two_but_not_on_the_image_itself():
    found = network(module(node(2, convolution="separable", activation="swish")), "none", "stride")
    assert found["b5_n2"].kernel == (3, 3)
    assert found["b6_n2"].inputs == ("b6_n2_depthwise",)
    assert (found["b6_n2"].kernel, found["b6_n2"].strides) == ((1, 1), (1, 1))
    assert found["b6_n2"].activation == "swish"
    assert found["b6_n2_depthwise"].strides == (2, 2)
    assert found["b6_n2_depthwise"].origin == Origin(6, 7, 2)
    # Input 9x9x3, 8 filters, then 5x5 and 16: kernels, of each filter gamma and beta.
    assert cost.layer_flops(found) == {
        "b5_n2": 2 * 81 * 9 * 3 * 8,
        "b5_out_shortcut": 2 * 81 * 3 * 8,
        "b5_out_residual": 0,
        "b6_n2_depthwise": 2 * 25 * 9 * 8,
        "b6_n2": 2 * 25 * 8 * 16,
        "b6_out_shortcut_pool": 0,
        "b6_out_shortcut": 2 * 25 * 8 * 16,
        "b6_out_residual": 0,
        "global_average_pool": 0,
        "output": 2 * 16 * 10,
    }
    first, second = (27 + 2 + 3 + 2) * 8, 9 * 8 + (8 + 2 + 8 + 2) * 16
    assert cost.parameters(found) == first + second + 170


def test_depthwise_channels_live_and_die_with_their_input():
    found = build(
        norm("a", "input", 4), depthwise("d", "a"), norm("b", "d", 4, 1),
        join("s", "add", "a", "b"), *head("s"),
    )  # fmt: skip
    plan = plan_channels(found)
    assert (plan.groups, set(plan.outputs)) == (4, {"a", "b", "output"})
    alive = np.array([True, False, True, False])
    # 8x8 of 3 -> 2 by 3x3, 2 by 3x3 depthwise, 2 -> 2 by 1x1, flatten to 4 classes.
    expected = 2 * 64 * (9 * 3 * 2 + 9 * 2 + 2 * 2) + 2 * 64 * 2 * 4
    assert plan.cost(alive) == expected
    narrow = keep_alive(found, {"a": alive, "b": np.zeros(4, dtype=bool)}).network
    assert narrow.shapes["d"] == (8, 8, 2)
    assert cost.flops(narrow) == expected
    assert cost.flops(widened(found, 5 * cost.flops(found))) <= 5 * cost.flops(found)


def test_a_vanished_separable_convolution_goes_as_a_whole():
    found = build(
        norm("a", "input", 4), depthwise("d", "a"), norm("b", "d", 4, 1), *head("b")
    )  # fmt: skip
    dead = {"b": np.zeros(4, dtype=bool)}
    left = keep_alive(found, dead, empty_layer="bypass").network
    assert [layer.name for layer in left.layers] == ["a", "flatten", "output"]


def test_genes_lose_the_share_of_filters_that_their_layers_lost():
    genome = module(node(2, filters=12))
    pointers = (BlueprintNode(5, 0), BlueprintNode(6, 0, "stride"))
    blueprint = Blueprint(0, pointers, wires((0, 5), (5, 6), (6, 1)), ())
    candidate = Candidate(0, 0, blueprint, ((0, genome),))
    before = build_network(candidate, input_shape=(8, 8, 3), classes=4, config=MODERN)
    assert [before[f"b{place}_n2"].filters for place in (5, 6)] == [12, 24]
    alive = {
        "b5_n2": np.arange(12) < 3, "b5_out_shortcut": np.arange(12) < 3,
        "b6_n2": np.arange(24) < 18, "b6_out_shortcut": np.arange(24) < 18,
    }  # fmt: skip
    after = keep_alive(before, alive).network
    outcome = Outcome(candidate=0, network_hash="", status="ok", accuracy=0.5)
    outcome = replace(
        outcome, network_before=before.to_json(), network_after=after.to_json()
    )  # fmt: skip
    found = write_back(
        [candidate],
        [outcome],
        empty_layer="keep_strongest",
        module_innovations=Innovations(99),
        blueprint_innovations=Innovations(99),
    )
    # The second place has the most flops, and keeps 18 of 24.
    assert [gene.filters for gene in found.modules[7].nodes] == [9]


def test_old_spaces_have_none_of_it():
    draws, config = Draws(1), Config()
    nursery = Nursery(0, config)
    space = config.search_space
    assert not space.has_stages
    for _ in range(20):
        grown = nursery.module(draws.between((0, 9)))
        assert {(n.convolution, n.activation) for n in grown.nodes} == {("full", "relu")}
        assert {n.reduction for n in nursery.blueprint(5).nodes} == {"none"}
