"""A Keras model computes what its Network says, from weights that every TensorFlow draws alike."""

from __future__ import annotations

import numpy as np
import pytest
from tensorflow import keras

from mpineat.phenotype import cost
from mpineat.phenotype.network import Layer, Network
from mpineat.training import model

WINDOW = {"strides": (1, 1), "padding": "same"}

BRANCHED = Network(
    (8, 8, 2),
    (
        Layer(
            name="a",
            op="conv2d",
            inputs=("input",),
            filters=4,
            kernel=(3, 3),
            activation="relu",
            **WINDOW,
        ),
        Layer(
            name="b",
            op="conv2d_bn",
            inputs=("input",),
            filters=4,
            kernel=(1, 1),
            activation="relu",
            **WINDOW,
        ),
        Layer(name="sum", op="add", inputs=("a", "b")),
        Layer(name="both", op="concat", inputs=("sum", "a")),
        Layer(
            name="max", op="maxpool", inputs=("both",), pool=(2, 2), strides=(2, 2), padding="valid"
        ),
        Layer(
            name="mean", op="avgpool", inputs=("max",), pool=(2, 2), strides=(2, 2), padding="valid"
        ),
        Layer(name="drop", op="dropout", inputs=("mean",), rate=0.5),
        Layer(name="flat", op="flatten", inputs=("drop",)),
        Layer(name="hidden", op="dense", inputs=("flat",), units=6, activation="relu"),
        Layer(name="output", op="dense", inputs=("hidden",), units=3, activation=None),
    ),
    "output",
)


@pytest.mark.parametrize("portable", [True, False])
def test_shapes_and_parameters_are_the_networks(portable):
    built = model.build(BRANCHED, 0, portable=portable)
    for layer in BRANCHED.layers:
        last = {"conv2d_bn": f"{layer.name}_activation"}.get(layer.op, layer.name)
        assert tuple(built.get_layer(last).output.shape[1:]) == BRANCHED.shapes[layer.name]
    assert sum(int(np.prod(v.shape)) for v in model.trainable(built)) == cost.parameters(BRANCHED)


def test_the_seed_alone_decides_the_weights():
    first, again, other = (
        model.variables(model.build(BRANCHED, seed), BRANCHED) for seed in (1, 1, 2)
    )
    for name in ("a", "b", "hidden", "output"):
        assert np.array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])
    assert not first["a/bias"].numpy().any()
    assert (first["b/gamma"].numpy() == 1).all()


def test_kernels_are_drawn_within_the_limits_of_glorot():
    kernel = model.initial_weights(BRANCHED, 0)["a"]
    limit = (6 / (9 * (2 + 4))) ** 0.5
    assert kernel.shape == (3, 3, 2, 4)
    assert 0.8 * limit < np.abs(kernel).max() <= limit


def test_given_weights_replace_the_drawn_ones():
    gamma = np.array([1, 2, 3, 4], np.float32)
    found = model.variables(model.build(BRANCHED, 0, weights={"b/gamma": gamma}), BRANCHED)
    assert np.array_equal(found["b/gamma"], gamma)
    assert set(model.kernels(model.build(BRANCHED, 0), BRANCHED)) == {
        "a",
        "b",
        "b/gamma",
        "hidden",
        "output",
    }


def test_a_saved_model_is_loaded_by_keras_alone(tmp_path):
    built = model.build(BRANCHED, 0)
    built.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    x = np.random.default_rng(0).random((5, 8, 8, 2), np.float32)
    assert np.allclose(built(x), loaded(x), atol=1e-6)
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}
