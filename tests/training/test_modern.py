"""Keras agrees with the networks of today: shapes, parameters, narrowing, MorphNet, files."""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from mpineat import registry
from mpineat.errors import InputError
from mpineat.genotype.genome import Candidate
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble
from mpineat.phenotype.channels import plan_channels
from mpineat.phenotype.narrow import keep_alive
from mpineat.phenotype.network import Network
from mpineat.training import model
from mpineat.training.compression import survivors
from mpineat.training.compression.morphnet_backend import penalty
from mpineat.training.compression.regularizer import gamma_layers, measure
from tests.phenotype.networks import build, depthwise, head, join, norm
from tests.strategies import MODERN, Nursery

HAS_ONNX = all(importlib.util.find_spec(name) for name in ("tf2onnx", "onnxruntime"))
SEEDS = (0, 3, 4)


@cache
def grown(seed: int) -> tuple[Network, keras.Model]:
    """Return a random network of the modern space, and its model with random norms."""
    nursery = Nursery(seed, MODERN)
    blueprint = nursery.blueprint(2)
    species = sorted({pointer.species for pointer in blueprint.nodes})
    modules = tuple((s, nursery.module(2)) for s in species)
    candidate = Candidate(0, 0, blueprint, modules)
    network = assemble(candidate, (9, 9, 3), 4, MODERN.search_space)
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.uniform(0.5, 1.5, variable.shape).astype(np.float32)
        for name, variable in model.variables(model.build(network, 0), network).items()
        if "/" in name
    }
    return network, model.build(network, seed, weights=weights)


def images() -> np.ndarray:
    return np.random.default_rng(1).random((4, 9, 9, 3), np.float32)


def test_the_random_networks_have_all_that_is_modern():
    layers = [layer for seed in SEEDS for layer in grown(seed)[0].layers]
    assert {layer.op for layer in layers} >= {"depthwise", "conv2d_bn", "avgpool", "add", "concat"}
    assert {layer.activation for layer in layers} >= {"relu", "swish"}
    assert any(layer.strides == (2, 2) for layer in layers if layer.kernel)


@pytest.mark.parametrize("seed", SEEDS)
def test_shapes_and_parameters_are_kerass(seed):
    network, built = grown(seed)
    for layer in network.layers:
        last = f"{layer.name}_activation" if layer.op == "conv2d_bn" else layer.name
        assert tuple(built.get_layer(last).output.shape[1:]) == network.shapes[layer.name]
    assert sum(int(np.prod(v.shape)) for v in model.trainable(built)) == cost.parameters(network)
    moving = sum(2 * layer.filters for layer in network.layers if layer.op == "conv2d_bn")
    assert built.count_params() == cost.parameters(network) + moving


@pytest.mark.parametrize("seed", SEEDS)
def test_a_narrowed_network_computes_what_the_masked_one_does(seed):
    network, built = grown(seed)
    plan = plan_channels(network)
    groups = np.random.default_rng(seed).random(plan.groups) < 0.6
    alive = {name: plan.alive(name, groups) for name in plan.outputs}
    narrowed = keep_alive(network, alive)
    cut = survivors.weights(built, network, narrowed)
    left = model.build(narrowed.network, 0, weights=cut)
    assert set(cut) == set(model.variables(left, narrowed.network))
    masked = {}
    for name, variable in model.variables(built, network).items():
        layer, _, part = name.partition("/")
        masked[name] = variable.numpy()
        whole = part in ("gamma", "beta", "bias") or (
            not part and network[layer].op in ("conv2d", "dense")
        )
        if whole and layer in narrowed.kept:
            masked[name] = masked[name] * narrowed.kept[layer]
    expected = model.build(network, 0, weights=masked)(images())
    assert np.allclose(left(images()), expected, rtol=1e-3, atol=1e-4)


BLOCK = build(
    norm("a", "input", 4), depthwise("d", "a"), norm("b", "d", 4, 1, activation="swish"),
    join("s", "add", "a", "b"), norm("c", "s", 5, steps=2), *head("c"),
)  # fmt: skip


def test_morphnet_charges_depthwise_channels_by_their_inputs_gamma():
    gammas = {"a": [0.9, 0.01, 0.01, 0.02], "b": [0.1, 0.8, 0.02, 0.03], "c": [1.0, 0.5, 0, 0, 2]}
    kernels = {f"{name}/gamma": np.array(values, np.float32) for name, values in gammas.items()}
    found = measure(BLOCK, kernels, 0.05)
    assert gamma_layers(BLOCK) == {"a", "b", "c"}
    assert found.alive["a"].tolist() == found.alive["b"].tolist() == [True, True, False, False]
    assert found.alive["c"].tolist() == [True, True, False, False, True]
    # 8x8: 3 -> 2 by 3x3, 2 depthwise, 2 -> 2 by 1x1; 4x4: 2 -> 3 by 3x3; flatten: 4 classes.
    first, last = 2 * 64 * 27, 2 * 16 * 9
    assert found.cost == 2 * (first + 2 * 64 * (9 + 2)) + 2 * 3 * last + 2 * 16 * 3 * 4
    norms, own = 0.9 + 0.8 + 0.02 + 0.03, 3.5
    term = norms * (first + 2 * 64 * 9 + 2 * 64 * 2 * 2) + last * (2 * own + 3 * norms)
    assert found.term == pytest.approx(term + 2 * 16 * 4 * own, rel=1e-5)


def test_googles_library_is_not_asked_for_a_depthwise_convolution():
    plain = build(depthwise("d", "input"), *head("d"))
    with pytest.raises(InputError, match="depthwise"):
        penalty(None, plain, 0.1, 1.0)


def test_the_norms_momentum_is_the_layers():
    network, built = grown(0)
    norms = [layer for layer in built.layers if layer.name.endswith("_norm")]
    assert norms
    assert {layer.momentum for layer in norms} == {0.9}
    assert model.build(BLOCK, 0).get_layer("a_norm").momentum == 0.99
    assert {layer.norm_momentum for layer in network.layers if layer.op == "conv2d_bn"} == {0.9}


@pytest.mark.parametrize("form", ["keras", "savedmodel", "onnx"])
def test_every_format_of_the_export_computes_the_same(form, tmp_path):
    if form == "onnx" and not HAS_ONNX:
        pytest.skip("needs tf2onnx and onnxruntime")
    built = model.build(BLOCK, 0)
    path = tmp_path / f"model.{form}"
    registry.load("exporter", form).put(built, path)
    x = np.random.default_rng(0).random((5, 8, 8, 3), np.float32)
    if form == "keras":
        found = keras.models.load_model(path, safe_mode=True)(x)
    elif form == "savedmodel":
        loaded = tf.saved_model.load(path)  # the function alone would lose its variables
        found = loaded.serve(x)["probabilities"]
    else:
        import onnxruntime

        [found] = onnxruntime.InferenceSession(path).run(["probabilities"], {"image": x})
    np.testing.assert_allclose(found, built(x), atol=1e-4)
