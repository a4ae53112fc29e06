"""How much the loss depends on each channel: what the budget rule weighs the layers by.

Taylor importance (Molchanov et al. 2017): |d loss / d z| for a factor z = 1 on the channel, to
first order the change of the loss when the channel is taken away. A layer that is linear up to
its activation, 0 at 0, scales with its weights, so d loss / d z is the sum of w * d loss / d w over
the channel's kernel and bias, or over its batch norm's gamma and beta.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from mpineat.phenotype.channels import ChannelPlan
from mpineat.phenotype.network import Network
from mpineat.training.device_data import DeviceData
from mpineat.training.measure import losses_and_hits, weighted
from mpineat.training.model import variables

BATCHES = 4  # the mean over this many knows a layer's share of the importance within 6 %
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
    parts = [_scaled_by_a_factor(name, named) for name in plan.outputs]

    # Traced: half the time, the tracing included.
    @tf.function(autograph=False)
    def slopes(x: tf.Tensor, index: tf.Tensor) -> list[tf.Tensor]:
        images, labels = data.batch(x, index, seed, tf.constant(0))
        with tf.GradientTape() as tape:
            logits = tf.cast(model(images, training=False), tf.float32)
            losses, _ = losses_and_hits(labels, logits)
            loss = tf.reduce_mean(weighted(losses, data.class_weights, labels))
        gradients = tape.gradient(loss, parts)
        return [_by_channel(*each) for each in zip(parts, gradients, strict=True)]

    groups = list(plan.outputs.values())
    total = np.zeros(plan.groups)
    for _ in range(BATCHES):
        index = rng.integers(data.train_examples, size=batch_size).astype(np.int32)
        x, rows, _ = data.feed(index, batch_size).piece(0)
        found = [slope.numpy() for slope in slopes(tf.gather(x, rows), index)]
        total += np.abs(_by_group(groups, found, plan.groups))
    return total / BATCHES


def _scaled_by_a_factor(layer: str, named: dict[str, tf.Variable]) -> list[tf.Variable]:
    """Return the variables that a factor on the layer's output channels would scale."""
    if f"{layer}/gamma" in named:
        return [named[f"{layer}/gamma"], named[f"{layer}/beta"]]
    return [named[layer], named[f"{layer}/bias"]]


def _by_channel(weights: list[tf.Variable], gradients: list[tf.Tensor]) -> tf.Tensor:
    """Return the sum of w * d loss / d w over all but the last axis, [channels]."""
    products = [w * slope for w, slope in zip(weights, gradients, strict=True)]
    return tf.add_n([tf.reduce_sum(each, list(range(len(each.shape) - 1))) for each in products])


def _by_group(groups: list[np.ndarray], slopes: list[np.ndarray], count: int) -> np.ndarray:
    found = np.zeros(count + 1)  # the last entry takes KEPT
    for ids, slope in zip(groups, slopes, strict=True):
        np.add.at(found, ids, slope)
    return found[:-1]
