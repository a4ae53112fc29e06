"""Network -> Keras model, of standard layers, so that a saved model needs no mpineat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat.phenotype.network import (
    CONVOLUTIONS,
    DEPTHWISE,
    INPUT,
    NORM_MOMENTUM,
    Layer,
    Network,
)
from mpineat.training.dropout import ByteDropout

# Words of the random generators' keys (see data.py).
_WEIGHTS, _DROPOUT = 201, 202


def build(
    network: Network,
    seed: int,
    *,
    weights: Mapping[str, np.ndarray] | None = None,
    policy: str = "float32",
    portable: bool = True,
) -> keras.Model:
    """Return a functional Keras model of `network` with logits as output.

    Args:
        seed: Of the initial weights and of dropout. The weights are drawn by numpy, so every
            version of TensorFlow starts from the same ones.
        weights: Values that replace initial ones, named as in `variables`.
        policy: Keras's dtype policy, "float32" or "mixed_float16".
        portable: Whether Keras alone can load the saved model; if not, dropout is faster.
    """
    seeds = np.random.default_rng([seed, _DROPOUT]).integers(2**31, size=len(network.layers))
    tensors = {INPUT: keras.Input(network.input_shape, name=INPUT)}
    for layer, dropout_seed in zip(network.layers, seeds.tolist(), strict=True):
        inputs = [tensors[name] for name in layer.inputs]
        value = inputs if len(inputs) > 1 else inputs[0]
        for keras_layer in _keras_layers(layer, dropout_seed, policy, portable):
            value = keras_layer(value)
        tensors[layer.name] = value
    model = keras.Model(tensors[INPUT], tensors[network.output])
    given = {**initial_weights(network, seed), **(weights or {})}
    for name, variable in variables(model, network).items():
        if name in given:
            variable.assign(given[name])
    return model


def initial_weights(network: Network, seed: int) -> dict[str, np.ndarray]:
    """Draw the kernels as Glorot and Bengio (2010); other weights begin as Keras sets them."""
    rng = np.random.default_rng([seed, _WEIGHTS])
    kernels = {}
    for layer in network.layers:
        if layer.op == DEPTHWISE:
            taps = int(np.prod(layer.kernel or ()))
            limit = (6 / (taps + taps)) ** 0.5  # each channel has one input and one output
            shape = (*(layer.kernel or ()), network.shapes[layer.name][-1], 1)
            kernels[layer.name] = rng.uniform(-limit, limit, shape).astype(np.float32)
        if layer.width is None:
            continue
        window = layer.kernel or ()
        fan_in, fan_out = network.shapes[layer.inputs[0]][-1], layer.width
        limit = (6 / (np.prod(window) * (fan_in + fan_out))) ** 0.5
        kernels[layer.name] = rng.uniform(-limit, limit, (*window, fan_in, fan_out)).astype(
            np.float32
        )
    return kernels


def variables(model: keras.Model, network: Network) -> dict[str, tf.Variable]:
    """Return the model's variables by name.

    A layer's kernel has the layer's name: HWIO, or [in, out]; of a depthwise convolution
    [height, width, channels, 1]. Beside it are name/bias and, with
    batch normalisation, name/gamma, name/beta, name/moving_mean and name/moving_variance.
    """
    found = {}
    for layer in network.layers:
        if layer.op == DEPTHWISE:  # Keras 2 and 3 call the attribute differently
            [found[layer.name]] = map(_tensorflow, model.get_layer(layer.name).trainable_weights)
        if layer.width is None:
            continue
        with_weights = model.get_layer(layer.name)
        found[layer.name] = _tensorflow(with_weights.kernel)
        if layer.op == "conv2d_bn":
            norm = model.get_layer(_norm_name(layer))
            for part in ("gamma", "beta", "moving_mean", "moving_variance"):
                found[f"{layer.name}/{part}"] = _tensorflow(getattr(norm, part))
        else:
            found[f"{layer.name}/bias"] = _tensorflow(with_weights.bias)
    return found


def kernels(model: keras.Model, network: Network) -> dict[str, tf.Variable]:
    """Return what the regulariser looks at: name -> kernel, and name/gamma where there is one."""
    return {
        name: variable
        for name, variable in variables(model, network).items()
        if "/" not in name or name.endswith("/gamma")
    }


def trainable(model: keras.Model) -> list[tf.Variable]:
    """Return the variables that training changes, in Keras's order."""
    return [_tensorflow(variable) for variable in model.trainable_variables]


def _tensorflow(variable: object) -> tf.Variable:
    # Keras 3 wraps TensorFlow's variable, Keras 2 does not.
    return variable if isinstance(variable, tf.Variable) else variable.value  # type: ignore[attr-defined]


def _norm_name(layer: Layer) -> str:
    return f"{layer.name}_norm"


def _keras_layers(
    layer: Layer, dropout_seed: int, policy: str, portable: bool
) -> list[keras.layers.Layer]:
    """Return the Keras layers that stand for one of ours, to be called one after another."""
    make, own = keras.layers, {"name": layer.name, "dtype": policy}
    # Zeros cost nothing; `build` puts the drawn weights in their place.
    unset = {**own, "kernel_initializer": "zeros"}
    window = {"strides": layer.strides, "padding": layer.padding}
    if layer.op in CONVOLUTIONS:
        if layer.op == "conv2d":
            return [
                make.Conv2D(
                    layer.filters, layer.kernel, activation=layer.activation, **window, **unset
                )
            ]
        return [
            make.Conv2D(layer.filters, layer.kernel, use_bias=False, **window, **unset),
            make.BatchNormalization(
                momentum=NORM_MOMENTUM if layer.norm_momentum is None else layer.norm_momentum,
                name=_norm_name(layer),
                dtype=policy,
            ),
            make.Activation(
                layer.activation or "linear", name=f"{layer.name}_activation", dtype=policy
            ),
        ]
    if layer.op == DEPTHWISE:
        zeros = {"depthwise_initializer": "zeros", "use_bias": False}
        return [make.DepthwiseConv2D(layer.kernel, **window, **zeros, **own)]
    if layer.op == "maxpool":
        return [make.MaxPooling2D(layer.pool, **window, **own)]
    if layer.op == "avgpool":
        return [make.AveragePooling2D(layer.pool, **window, **own)]
    if layer.op == "global_average_pool":
        return [make.GlobalAveragePooling2D(**own)]
    if layer.op == "flatten":
        return [make.Flatten(**own)]
    if layer.op == "dropout":
        return [
            (make.Dropout if portable else ByteDropout)(layer.rate or 0.0, seed=dropout_seed, **own)
        ]
    if layer.op == "add":
        return [make.Add(**own)]
    if layer.op == "concat":
        return [make.Concatenate(**own)]
    return [make.Dense(layer.units, activation=layer.activation, **unset)]
