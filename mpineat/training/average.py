"""The mean of the weights at the ends of the last epochs (Izmailov et al. 2018).

What batch normalisation knows of the activations is a running mean over some 100 steps. It is no
mean's of weights, and in a short training it is behind the last ones; so it is measured anew.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat.training.device_data import DeviceData
from mpineat.training.devices import ONE, Devices
from mpineat.training.model import trainable

_ORDER = 204  # a word of the random generators' keys (see data.py)
BATCHES = 100  # at most, in which batch normalisation is measured


class Average:
    """Ends a training with the mean of its last `epochs`; 0: with the last weights.

    Attributes:
        sums: Of the trainable weights so far, in Keras's order.
    """

    def __init__(
        self, model: keras.Model, epochs: int, measure_norms: bool, devices: Devices = ONE
    ) -> None:
        """Begin; a mean's norms are measured in any case, on shares where they were trained."""
        self._model, self._epochs, self._measure_norms = model, epochs, measure_norms
        self._devices = devices
        self.sums = [np.zeros(v.shape, np.float32) for v in trainable(model)] if epochs else []

    def ended(self, epoch: int, epochs: int, data: DeviceData, batch_size: int, seed: int) -> None:
        """Take the weights in; behind the last of `epochs` epochs, leave what the recipe wants."""
        taken = epoch - max(0, epochs - self._epochs)
        if self._epochs and taken > 0:
            for total, variable in zip(self.sums, trainable(self._model), strict=True):
                total += variable.numpy()
                if epoch == epochs:
                    variable.assign(total / taken)
        if epoch == epochs and (self._epochs or self._measure_norms):
            _measure(self._model, data, batch_size, seed, self._devices)


def _measure(
    model: keras.Model, data: DeviceData, batch_size: int, seed: int, devices: Devices
) -> None:
    """Set every batch normalisation's mean and variance to those of augmented training images."""
    norms = [one for one in model.layers if isinstance(one, keras.layers.BatchNormalization)]
    if not norms:
        return
    moving = [value for norm in norms for value in (norm.moving_mean, norm.moving_variance)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # a forward pass leaves what it has seen itself

    def pass_forward(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        model(images, training=True)
        return ()

    @tf.function(autograph=False, reduce_retracing=True)
    def look(x, rows, start, order, step):  # type: ignore[no-untyped-def]
        position = step * batch_size + tf.range(batch_size)
        raw = tf.gather(x, tf.gather(rows, position - start))
        images, _ = data.batch(raw, tf.gather(order, position), seed, -2 - step)
        devices.together(pass_forward)(images)

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
