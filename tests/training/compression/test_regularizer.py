"""The regulariser equals Google's library where that is right, and behaves where it is not."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from mpineat.errors import InputError
from mpineat.phenotype.channels import plan_channels
from mpineat.phenotype.cost import flops
from mpineat.phenotype.narrow import keep_alive
from mpineat.phenotype.network import Network
from mpineat.training.compression.regularizer import Regularizer, gamma_layers, gradients, measure
from tests import golden

THRESHOLDS = {"all_alive": -1.0, "0.1": 0.1, "0.05": 0.05}
OPTIONS = {
    "as_shipped": {"mode": "reference"},
    "output_protected": {"mode": "reference"},
    "flatten_tracked": {"mode": "tracked"},
    "model_size": {"mode": "reference", "target": "model_size"},
    "l1_fraction_0.5": {"mode": "reference", "l1_fraction": 0.5},
}
# "as_shipped" regularises the output layer, which we protect; the gamma variant never does.
CASES = [
    pytest.param(spec, mode, threshold, id=f"{spec['id']}-{mode}-{threshold}")
    for spec in golden.NETWORKS
    for mode, results in spec["results"].items()
    for threshold in results
    if mode != "as_shipped" or spec["regularizer"] == "gamma"
]


def bits(mask):
    return None if mask is None else "".join(str(int(alive)) for alive in mask)


@pytest.mark.parametrize(("spec", "mode", "threshold"), CASES)
def test_golden_figures(spec, mode, threshold):
    network, kernels = golden.network(spec), golden.kernels(spec)
    expected = spec["results"][mode][threshold]
    found = measure(network, kernels, THRESHOLDS[threshold], **OPTIONS[mode])

    assert found.cost == expected["cost"]
    assert found.term == pytest.approx(expected["regularization_term"], rel=1e-5)
    assert found.full_flops == flops(network)
    for name, layer in expected.get("layers", {}).items():
        assert bits(found.alive[name]) == layer["alive"], name
    counts = expected.get("alive_counts", {})
    for name, count in counts.items():
        mask = found.alive[name]
        assert (network[name].width if mask is None else mask.sum()) == count, name


@pytest.mark.parametrize(("spec", "mode", "threshold"), CASES)
def test_golden_gradients(spec, mode, threshold):
    network, kernels = golden.network(spec), golden.kernels(spec)
    expected = spec["results"][mode][threshold]["gradients"]
    found = gradients(network, kernels, THRESHOLDS[threshold], **OPTIONS[mode])

    for name, figures in expected.items():
        gradient = found[name].astype(np.float64)
        norm = figures["l2"]
        assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-5), name
        assert gradient.sum() == pytest.approx(
            figures["sum"], abs=1e-5 * norm * gradient.size**0.5
        ), name
    if len(expected) > 1 or len(found) == 1:  # two modes list the first layer's gradient alone
        assert {name for name, value in found.items() if value.any()} == set(expected)


@pytest.mark.parametrize("spec", golden.NETWORKS, ids=lambda spec: spec["id"])
def test_tracked_cost_is_the_narrowed_networks_flops(spec):
    network, kernels = golden.network(spec), golden.kernels(spec)
    for threshold in (0.05, 0.1):
        found = measure(network, kernels, threshold)
        if all(mask is None or mask.any() for mask in found.alive.values()):
            assert flops(keep_alive(network, found.alive).network) == found.cost


def conv(name, source, filters, kernel=3, **fields):
    return {
        "name": name, "op": "conv2d", "inputs": [source], "filters": filters,
        "kernel": [kernel, kernel], "strides": [1, 1], "padding": "same", "activation": "relu",
    } | fields  # fmt: skip


def build(*layers, output=None, shape=(6, 6, 4)):
    return Network.from_json(
        {"input_shape": list(shape), "layers": list(layers), "output": output or layers[-1]["name"]}
    )


def constant_kernels(network, **norms):
    """Return kernels whose filters have the given norms."""
    found = {}
    for layer in network.layers:
        if layer.width is not None:
            shape = (*(layer.kernel or ()), network.shapes[layer.inputs[0]][-1], layer.width)
            found[layer.name] = np.broadcast_to(
                np.asarray(norms.get(layer.name, 1.0), np.float32), shape
            ).copy()
    return found


def head(source):
    return (
        {"name": "g", "op": "global_average_pool", "inputs": [source]},
        {"name": "logits", "op": "dense", "inputs": ["g"], "units": 3, "activation": None},
    )


def test_add_with_the_network_input_keeps_every_channel():
    network = build(
        conv("c", "input", 4), {"name": "a", "op": "add", "inputs": ["input", "c"]}, *head("a")
    )
    kernels = constant_kernels(network, c=0.0)
    found = measure(network, kernels, 0.5)
    assert found.cost == found.full_flops
    assert found.term == 0
    assert bits(found.alive["c"]) == "1111"


def test_concat_with_the_network_input_narrows_the_rest():
    network = build(
        conv("c", "input", 2), {"name": "k", "op": "concat", "inputs": ["input", "c"]}, *head("k")
    )
    found = measure(network, constant_kernels(network, c=[0.0, 1.0]), 0.5)
    assert bits(found.alive["c"]) == "01"
    assert found.cost == 2 * 36 * 9 * 4 * 1 + 2 * 5 * 3
    # C * (alive in * R_out) of the convolution, C * (alive out * R_in) of the logits
    assert found.term == pytest.approx(2 * 36 * 9 * 4 * 1.0 + 2 * 3 * 1.0)


@pytest.mark.parametrize("op", ["add", "concat"])
def test_a_tensor_used_twice(op):
    network = build(
        conv("c", "input", 3), {"name": "j", "op": op, "inputs": ["c", "c"]}, *head("j")
    )
    kernels = constant_kernels(network, c=[0.2, 0.6, 0.8])
    found = measure(network, kernels, 0.5)
    times = 1 if op == "add" else 2
    assert bits(found.alive["c"]) == "011"
    assert found.cost == 648 * 4 * 2 + 2 * 2 * times * 3
    assert found.term == pytest.approx(648 * 4 * 1.6 + 2 * 3 * 1.6 * times, rel=1e-6)


def test_concat_meeting_add_ties_slices():
    network = build(
        conv("a", "input", 2),
        conv("b", "input", 3),
        {"name": "k", "op": "concat", "inputs": ["a", "b"]},
        conv("c", "input", 5),
        {"name": "s", "op": "add", "inputs": ["k", "c"]},
        *head("s"),
    )
    kernels = constant_kernels(network, a=[1, 0], b=[0, 0, 0], c=[0, 0, 0, 1, 0])
    found = measure(network, kernels, 0.5)
    assert (bits(found.alive["a"]), bits(found.alive["b"])) == ("10", "010")
    assert bits(found.alive["c"]) == "10010"
    assert flops(keep_alive(network, found.alive).network) == found.cost


def test_two_residuals_are_one_group():
    network = build(
        conv("a", "input", 3),
        conv("b", "a", 3),
        {"name": "s", "op": "add", "inputs": ["a", "b"]},
        conv("c", "s", 3),
        {"name": "t", "op": "add", "inputs": ["s", "c"]},
        *head("t"),
    )
    found = measure(network, constant_kernels(network, a=[1, 0, 0], b=[0, 1, 0], c=[0, 0, 0]), 0.5)
    assert {bits(found.alive[name]) for name in "abc"} == {"110"}


def test_zero_filters_have_no_gradient_and_no_nan():
    network = build(conv("c", "input", 3), conv("d", "c", 2), *head("d"))
    kernels = constant_kernels(network, c=[0.0, 1.0, 1.0], d=0.0)
    for l1_fraction in (0.0, 0.5):
        found = gradients(network, kernels, 0.1, l1_fraction=l1_fraction)
        assert all(np.isfinite(value).all() for value in found.values())
        assert not found["c"][..., 0].any()
        assert not found["d"].any()


def test_a_dead_layer_spares_its_consumer_but_not_the_layer_behind():
    network = build(conv("a", "input", 2), conv("b", "a", 2), conv("c", "b", 2), *head("c"))
    found = measure(network, constant_kernels(network, a=0.0), 0.5)
    assert found.cost == 648 * 2 * 2 + 2 * 2 * 3


def test_an_output_made_by_a_join_protects_its_members():
    network = build(
        conv("a", "input", 2),
        conv("b", "input", 2),
        {"name": "s", "op": "add", "inputs": ["a", "b"]},
    )
    found = measure(network, constant_kernels(network, a=0.0, b=0.0), 0.5)
    assert found.alive == {"a": None, "b": None}
    assert (found.cost, found.term) == (found.full_flops, 0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda kernels: kernels.pop("c"), "'c' is missing"),
        (
            lambda kernels: kernels.update(c=np.zeros((3, 3, 4, 5))),
            r"expected shape \[3, 3, 4, 3\]",
        ),
    ],
)
def test_wrong_kernels_are_refused_by_name(change, message):
    network = build(conv("c", "input", 3), *head("c"))
    kernels = constant_kernels(network)
    change(kernels)
    with pytest.raises(InputError, match=message):
        measure(network, kernels, 0.1)


def test_a_network_of_its_output_alone_has_nothing_to_narrow():
    network = build(*head("input"))
    found = measure(network, constant_kernels(network), 0.1)
    assert (found.cost, found.term, found.alive) == (2 * 4 * 3, 0.0, {"logits": None})
    assert gradients(network, constant_kernels(network), 0.1) == {}


@pytest.mark.parametrize("l1_fraction", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("spec", golden.NETWORKS, ids=lambda spec: spec["id"])
def test_the_gradient_by_hand_is_that_of_a_tape(spec, l1_fraction):
    network = golden.network(spec)
    # A tape has no gradient where a filter is zero.
    kernels = {name: tf.constant(value + 0.01) for name, value in golden.kernels(spec).items()}
    plan = plan_channels(network, sources=gamma_layers(network))
    regularizer = Regularizer(plan, network, "flops", l1_fraction=l1_fraction)
    alive = tf.ones([plan.groups])
    with tf.GradientTape() as tape:
        tape.watch(list(kernels.values()))
        term = regularizer.term(regularizer.norms(kernels), alive)
    expected = tape.gradient(term, {key: kernels[key] for key in regularizer.keys})
    value, found = regularizer.slopes(kernels, lambda norms: regularizer.term(norms, alive))
    assert float(value) == float(term)
    assert found.keys() == expected.keys()
    for key, slope in found.items():
        np.testing.assert_allclose(slope, expected[key], rtol=1e-5, atol=1e-7 * np.abs(slope).max())


def test_a_traced_step_with_the_term_can_be_forgotten():
    """A gradient that TensorFlow registers for each trace would keep every candidate's graph."""
    network = build(conv("c", "input", 5), *head("c"))
    kernels = {name: tf.Variable(value) for name, value in constant_kernels(network).items()}
    regularizer = Regularizer(plan_channels(network), network, "flops")
    penalty = regularizer.penalty(kernels, np.zeros(len(regularizer.members)), 1.0)
    graphs = []

    @tf.function(autograph=False)
    def step():
        graphs.append(weakref.ref(tf.compat.v1.get_default_graph()))
        return penalty([kernels["c"]])

    step()
    del step
    gc.collect()
    assert graphs
    assert [graph() for graph in graphs] == [None] * len(graphs)
