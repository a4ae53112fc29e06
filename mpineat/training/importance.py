"""How much the loss depends on each channel: what the budget rule weighs the layers by.

Taylor importance (Molchanov et al. 2017): |d loss / d z| for a factor z = 1 on the channel, to
first order the change of the loss when the channel is taken away. A layer that is linear up to
ReLU scales with its weights, so d loss / d z is the sum of w * d loss / d w over the channel's
kernel and bias.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mpineat.phenotype.channels import ChannelPlan
from mpineat.phenotype.network import Network
from mpineat.training.device_data import DeviceData
from mpineat.training.model import variables

BATCHES = 8  # the mean over this many settles the layers' proportions
_BATCHES = 302  # a word of the random generators' keys (see data.py)


def taylor(
    model: Any,
    network: Network,
    plan: ChannelPlan,
    data: DeviceData,
    *,
    batch_size: int,
    seed: int,
) -> np.ndarray:
    """Return the Taylor importance of each group of channels, [groups].

    Args:
        model: Of `network`, trained for a while.
        batch_size: Examples of each of the training set's random batches that it is the mean over.
    """
    rng = np.random.default_rng([seed, _BATCHES])
    named = variables(model, network)
    parts = {name: _scaled_by_a_factor(name, named) for name in plan.outputs}
    total = np.zeros(plan.groups)
    for _ in range(BATCHES):
        index = tf.constant(rng.integers(data.train_examples, size=batch_size), tf.int32)
        images, labels = data.batch(index, seed, tf.constant(0))
        with tf.GradientTape() as tape:
            logits = tf.cast(model(images, training=False), tf.float32)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        total += np.abs(_by_group(plan, parts, tape.gradient(loss, parts)))
    return total / BATCHES


def _scaled_by_a_factor(layer: str, named: dict[str, tf.Variable]) -> list[tf.Variable]:
    """Return the variables that a factor on the layer's output channels would scale."""
    if f"{layer}/gamma" in named:
        return [named[f"{layer}/gamma"], named[f"{layer}/beta"]]
    return [named[layer], named[f"{layer}/bias"]]


def _by_group(
    plan: ChannelPlan,
    parts: dict[str, list[tf.Variable]],
    gradients: dict[str, list[tf.Tensor]],
) -> np.ndarray:
    slopes = np.zeros(plan.groups + 1)  # the last entry takes KEPT
    for name, ids in plan.outputs.items():
        for variable, gradient in zip(parts[name], gradients[name], strict=True):
            product = (variable.numpy() * gradient.numpy()).reshape(-1, len(ids))
            np.add.at(slopes, ids, product.sum(axis=0))
    return slopes[:-1]
