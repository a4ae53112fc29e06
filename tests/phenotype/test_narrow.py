from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpineat.phenotype.channels import plan_channels
from mpineat.phenotype.cost import flops
from mpineat.phenotype.narrow import keep_alive, scale_widths, widened, with_widths
from mpineat.phenotype.network import ShapeError
from tests.phenotype.networks import build, conv, head, join, networks


def widths(network):
    return {layer.name: layer.width for layer in network.layers if layer.width is not None}


def mask(text):
    return np.array([bit == "1" for bit in text])


CHAIN = build(conv("a", "input", 4), conv("b", "a", 5), *head("b", [6]))


def test_each_layer_keeps_its_alive_filters():
    narrowed = keep_alive(CHAIN, {"a": mask("0110"), "b": None, "d1": mask("100001")})
    assert widths(narrowed.network) == {"a": 2, "b": 5, "d1": 2, "output": 4}
    assert narrowed.kept["a"].tolist() == [False, True, True, False]
    assert narrowed.removed == ()


@pytest.mark.parametrize(
    ("alive", "message"),
    [
        ({"x": mask("1")}, "'x' is no convolution"),
        ({"a": mask("10")}, "'a' has 4 output channels, found 2"),
    ],
)
def test_masks_that_do_not_fit_are_refused(alive, message):
    with pytest.raises(ShapeError, match=message):
        keep_alive(CHAIN, alive)


def test_an_empty_layer_keeps_its_strongest_filter():
    narrowed = keep_alive(
        CHAIN, {"b": mask("00000")}, strength={"b": np.array([0.1, 0.2, 0.9, 0.3, 0.0])}
    )
    assert narrowed.kept["b"].tolist() == [False, False, True, False, False]


def test_bypass_feeds_the_input_to_the_consumers():
    narrowed = keep_alive(CHAIN, {"b": mask("00000")}, empty_layer="bypass")
    assert widths(narrowed.network) == {"a": 4, "d1": 6, "output": 4}
    assert narrowed.network["flatten"].inputs == ("a",)
    assert narrowed.removed == ("b",)


def test_bypass_keeps_the_layer_where_shapes_forbid():
    network = build(
        conv("a", "input", 4), conv("b", "a", 5), conv("c", "a", 5), join("s", "add", "b", "c"),
        *head("s"),
    )  # fmt: skip
    narrowed = keep_alive(network, dict.fromkeys("bc", mask("00000")), empty_layer="bypass")
    assert widths(narrowed.network) == {"a": 4, "b": 1, "c": 1, "output": 4}
    assert narrowed.removed == ()


def test_drop_branch_takes_the_operand_out_of_the_join():
    network = build(
        conv("a", "input", 4), conv("b", "input", 3), conv("c", "b", 2),
        join("k", "concat", "a", "c"), *head("k"),
    )  # fmt: skip
    narrowed = keep_alive(network, {"b": mask("000")}, empty_layer="drop_branch")
    assert narrowed.removed == ("b", "c")
    assert narrowed.network["flatten"].inputs == ("a",)


def test_drop_branch_keeps_the_layer_where_nothing_else_leads_on():
    narrowed = keep_alive(CHAIN, {"b": mask("00000")}, empty_layer="drop_branch")
    assert widths(narrowed.network) == {"a": 4, "b": 1, "d1": 6, "output": 4}


def test_rounding_goes_up_to_the_multiple_and_never_beyond_the_width():
    narrowed = keep_alive(CHAIN, {"a": mask("1000"), "b": mask("11111")}, round_to=3)
    assert widths(narrowed.network)["a"] == 3
    assert widths(narrowed.network)["b"] == 5


def test_rounding_adds_the_strongest_dead_filters():
    narrowed = keep_alive(
        CHAIN, {"a": mask("1000")}, round_to=2, strength={"a": np.array([9.0, 1, 2, 3])}
    )
    assert narrowed.kept["a"].tolist() == [True, False, False, True]


def test_tied_layers_widen_together_and_the_ends_do_not():
    network = build(
        conv("a", "input", 2), conv("b", "input", 3), join("k", "concat", "a", "b"),
        conv("c", "k", 5), join("s", "add", "c", "k"), *head("s", [3]),
    )  # fmt: skip
    assert widths(scale_widths(network, 1.5)) == {"a": 3, "b": 4, "c": 7, "d1": 4, "output": 4}


def test_widths_that_break_an_add_are_refused():
    network = build(
        conv("a", "input", 2), conv("b", "input", 2), join("s", "add", "a", "b"), *head("s")
    )
    with pytest.raises(ShapeError, match="add of unequal shapes"):
        with_widths(network, {"a": 1})


def random_masks(network, random, share):
    return {
        layer.name: np.array([random.random() < share for _ in range(layer.width)])
        for layer in network.layers
        if layer.width is not None
    }


@given(networks(), st.randoms(use_true_random=False), st.sampled_from([0.2, 0.5, 0.9]))
def test_the_narrowed_networks_flops_are_the_alive_groups_cost(network, random, share):
    narrowed = keep_alive(network, random_masks(network, random, share))
    plan = plan_channels(network)
    alive = np.zeros(plan.groups, dtype=bool)
    for name, kept in narrowed.kept.items():
        ids = plan.outputs[name][kept]
        alive[ids[ids >= 0]] = True
    assert flops(narrowed.network) == plan.cost(alive)
    assert all(width >= 1 for width in widths(narrowed.network).values())


@given(networks(), st.randoms(use_true_random=False), st.sampled_from(["bypass", "drop_branch"]))
def test_every_policy_gives_a_network_with_the_same_ends(network, random, policy):
    narrowed = keep_alive(network, random_masks(network, random, 0.25), empty_layer=policy)
    after = narrowed.network
    assert after.shapes[after.output] == network.shapes[network.output]
    assert after.input_shape == network.input_shape
    assert set(narrowed.removed) == set(widths(network)) - set(widths(after))
    for name, kept in narrowed.kept.items():
        assert int(kept.sum()) == widths(after)[name]


@given(networks(), st.floats(0.2, 3.0))
def test_scaled_widths_always_fit(network, factor):
    scaled = scale_widths(network, factor)
    assert scaled.shapes[scaled.output] == network.shapes[network.output]


@settings(max_examples=30)
@given(networks(), st.floats(1.0, 9.0))
def test_widening_uses_up_the_budget_of_flops(network, times):
    budget = times * flops(network)
    wide = widened(network, budget)
    assert flops(network) <= flops(wide) <= budget
    assert all(w >= widths(network)[name] for name, w in widths(wide).items())
    twice = flops(scale_widths(wide, 2.0))
    assert twice > budget or twice == flops(network)  # nothing in it has a width of its own


def test_a_network_tied_to_its_ends_has_nothing_to_widen():
    network = build(*head("input"))
    assert widened(network, 9 * flops(network)) == network
