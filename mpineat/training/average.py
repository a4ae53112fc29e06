"""The mean of the weights at the ends of the last epochs (Izmailov et al. 2018).

What batch normalisation knows of the activations belongs to the weights of one moment, so it is
measured anew for the mean.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat.training.device_data import DeviceData
from mpineat.training.model import trainable

_ORDER = 204  # a word of the random generators' keys (see data.py)
BATCHES = 100  # at most, in which batch normalisation is measured


class Average:
    """Takes part in a training of which the last `epochs` are averaged; 0: in none.

    Attributes:
        sums: Of the trainable weights so far, in Keras's order.
    """

    def __init__(self, model: keras.Model, epochs: int) -> None:
        self._model, self._epochs = model, epochs
        self.sums = [np.zeros(v.shape, np.float32) for v in trainable(model)] if epochs else []

    def ended(self, epoch: int, epochs: int, data: DeviceData, batch_size: int, seed: int) -> None:
        """Take the weights in; behind the last of `epochs` epochs, put the mean in their place."""
        taken = epoch - max(0, epochs - self._epochs)
        if not self._epochs or taken <= 0:
            return
        variables = trainable(self._model)
        for total, variable in zip(self.sums, variables, strict=True):
            total += variable.numpy()
        if epoch == epochs and taken > 1:
            for total, variable in zip(self.sums, variables, strict=True):
                variable.assign(total / taken)
            _measure(self._model, data, batch_size, seed)


def _measure(model: keras.Model, data: DeviceData, batch_size: int, seed: int) -> None:
    """Set every batch normalisation's mean and variance to those of augmented training images."""
    norms = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
    if not norms:
        return
    moving = [value for norm in norms for value in (norm.moving_mean, norm.moving_variance)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # a forward pass leaves what it has seen itself

    @tf.function(autograph=False, reduce_retracing=True)
    def look(x, rows, start, order, step):  # type: ignore[no-untyped-def]
        position = step * batch_size + tf.range(batch_size)
        raw = tf.gather(x, tf.gather(rows, position - start))
        images, _ = data.batch(raw, tf.gather(order, position), seed, -2 - step)
        model(images, training=True)

    batches = min(BATCHES, max(1, data.train_examples // batch_size))
    rng = np.random.default_rng([seed, _ORDER])
    order = rng.permutation(data.train_examples)[: batches * batch_size].astype(np.int32)
    feed, sums = data.feed(order, batch_size), [0.0] * len(moving)
    for step in range(batches):
        look(*feed.piece(step), tf.constant(order), tf.constant(step))
        sums = [total + variable.numpy() for total, variable in zip(sums, moving, strict=True)]
    for total, variable in zip(sums, moving, strict=True):
        variable.assign(total / batches)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
