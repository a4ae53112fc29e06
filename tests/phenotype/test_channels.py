from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mpineat.phenotype.channels import KEPT, plan_channels
from mpineat.phenotype.cost import flops, parameters
from tests.phenotype.networks import build, conv, head, join, networks, pool


def test_a_chain_has_one_group_a_filter():
    plan = plan_channels(build(conv("a", "input", 2), conv("b", "a", 3), *head("b", [4])))
    assert plan.groups == 2 + 3 + 4
    assert [block.layers for block in plan.blocks] == [{"a": 1}, {"b": 1}, {"d1": 1}]
    assert plan.protected == {"output"}


def test_pooling_and_flatten_pass_groups_on():
    network = build(conv("a", "input", 2), pool("p", "a"), *head("p"))
    assert plan_channels(network).incoming.times[1].tolist() == [16, 16]
    reference = plan_channels(network, "reference").incoming
    assert (reference.times[1].tolist(), reference.kept[1]) == ([0, 0], 32)


def test_add_ties_and_concat_lists():
    network = build(
        conv("a", "input", 2),
        conv("b", "input", 3),
        join("k", "concat", "a", "b", "a"),
        conv("c", "k", 7),
        join("s", "add", "c", "k"),
        *head("s"),
    )
    plan = plan_channels(network)
    a, b = plan.outputs["a"].tolist(), plan.outputs["b"].tolist()
    assert plan.outputs["c"].tolist() == a + b + a
    assert [block.layers for block in plan.blocks] == [{"a": 1, "c": 2}, {"b": 1, "c": 1}]


def test_what_meets_the_input_is_kept():
    network = build(
        conv("a", "input", 3), join("s", "add", "a", "input"), conv("b", "s", 2), *head("b")
    )
    plan = plan_channels(network)
    assert (plan.outputs["a"] == KEPT).all()
    assert plan.protected == {"output"}
    assert [block.layers for block in plan.blocks] == [{"b": 1}]


def test_only_sources_are_narrowed():
    network = build(conv("a", "input", 2), *head("a", [5]))
    plan = plan_channels(network, sources=frozenset({"a"}))
    assert plan.groups == 2
    assert plan.protected == {"d1", "output"}


@given(networks())
def test_full_cost_is_the_networks(network):
    assert plan_channels(network).full_cost() == flops(network)
    assert plan_channels(network, "reference").full_cost() == flops(network)
    biases = sum(layer.width or 0 for layer in network.layers)
    assert plan_channels(network, target="model_size").full_cost() == parameters(network) - biases


@given(networks(), st.randoms(use_true_random=False))
def test_blocks_partition_the_groups_and_cost_falls(network, random):
    plan = plan_channels(network)
    listed = np.concatenate([np.zeros(0, int), *(block.groups for block in plan.blocks)])
    assert sorted(listed.tolist()) == list(range(plan.groups))
    alive = np.ones(plan.groups, dtype=bool)
    cost = plan.full_cost()
    order = list(range(plan.groups))
    random.shuffle(order)
    for group in order:
        alive[group] = False
        assert plan.cost(alive) <= cost
        cost = plan.cost(alive)
