"""Group Lasso is the sum of sqrt(|g|) ||w_g|| over tied filters, and its gradient a tape's."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import tensorflow as tf

from mpineat.phenotype.channels import KEPT, plan_channels
from mpineat.phenotype.network import Network
from mpineat.training.compression.regularizer import GAMMA, gamma_layers, gradients, measure
from tests import golden


def by_definition(network, kernels):
    """Return the term as it is written, a group at a time."""
    plan = plan_channels(network, sources=gamma_layers(network))
    members = defaultdict(list)
    for layer in network.layers:
        if layer.name in plan.outputs:
            own = kernels[layer.name + (GAMMA if layer.op == "conv2d_bn" else "")]
            filters = tf.reshape(own, [-1, own.shape[-1]])
            for channel, group in enumerate(plan.outputs[layer.name]):
                members[group].append(filters[:, channel])
    members.pop(KEPT, None)
    groups = [tf.concat(filters, 0) for filters in members.values()]
    return tf.add_n([tf.sqrt(float(len(group))) * tf.norm(group) for group in groups])


@pytest.mark.parametrize("spec", golden.NETWORKS, ids=lambda spec: spec["id"])
def test_term_and_gradient_are_those_of_the_definition(spec):
    network = golden.network(spec)
    # A tape has no gradient where a filter is zero.
    kernels = {name: tf.constant(value + 0.01) for name, value in golden.kernels(spec).items()}
    with tf.GradientTape() as tape:
        tape.watch(list(kernels.values()))
        term = by_definition(network, kernels)
    expected = tape.gradient(term, kernels)
    found = gradients(network, kernels, 0.1, target="group_lasso")

    assert measure(network, kernels, 0.1, target="group_lasso").term == pytest.approx(
        float(term), rel=1e-5
    )
    assert {name for name, slope in expected.items() if slope is not None} == set(found)
    for key, slope in found.items():
        np.testing.assert_allclose(
            slope, expected[key], rtol=1e-4, atol=1e-6 * np.abs(slope).max(), err_msg=key
        )


def test_what_a_filter_costs_does_not_matter():
    """Behind the pool a filter costs a quarter of the flops; the lasso charges it alike."""
    layers = [
        {"name": "a", "op": "conv2d", "inputs": ["input"], "filters": 4, "kernel": [3, 3],
         "strides": [1, 1], "padding": "same", "activation": "relu"},
        {"name": "p", "op": "maxpool", "inputs": ["a"], "pool": [2, 2], "strides": [2, 2],
         "padding": "valid"},
        {"name": "b", "op": "conv2d", "inputs": ["p"], "filters": 4, "kernel": [3, 3],
         "strides": [1, 1], "padding": "same", "activation": "relu"},
        {"name": "g", "op": "global_average_pool", "inputs": ["b"]},
        {"name": "out", "op": "dense", "inputs": ["g"], "units": 3, "activation": None},
    ]  # fmt: skip
    network = Network.from_json({"input_shape": [8, 8, 4], "layers": layers, "output": "out"})
    kernels = {"a": np.ones((3, 3, 4, 4)), "b": np.ones((3, 3, 4, 4)), "out": np.ones((4, 3))}
    kernels["b"][..., 0] = 0
    found = gradients(network, kernels, 0.1, target="group_lasso")

    assert np.all(found["a"] == 1)
    assert np.all(found["b"][..., 1:] == 1)
    assert np.all(found["b"][..., 0] == 0)
    assert "out" not in found
    assert measure(network, kernels, 0.1, target="group_lasso").term == 36 * 7
