"""Dropout (Srivastava et al. 2014) from one random byte an activation.

Random numbers are the cost of dropout on a CPU: 32 bits for each activation of a 32 x 32 map take
as long as a 3 x 3 convolution of it. A byte leaves the rate exact to 1/512, and the kept
activations are scaled for the rate that is used.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

FAR = 1 << 40  # calls, more than any training makes


class ByteDropout(keras.layers.Layer):
    """Trains like keras.layers.Dropout, which a saved model should hold in its place."""

    def __init__(self, rate: float, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.dropped_of_256 = round(rate * 256)
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        """Create the counter that gives every call other random numbers."""
        self.calls = self.add_weight(
            name="calls", shape=(), dtype="int64", initializer="zeros", trainable=False
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return `x` with some activations 0 and the others scaled up; outside training, `x`."""
        if not training or self.dropped_of_256 == 0:
            return x
        self.calls.assign_add(1)
        calls = tf.convert_to_tensor(self.calls)
        device = tf.distribute.get_replica_context()
        if device.num_replicas_in_sync > 1:  # each draws numbers of its own
            calls += FAR * tf.cast(device.replica_id_in_sync_group, tf.int64)
        seed = tf.stack([tf.constant(self.seed, tf.int64), calls])
        size = tf.size(x)
        words = tf.random.stateless_uniform(
            [(size + 3) // 4], seed, minval=None, maxval=None, dtype=tf.int32
        )
        random_bytes = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], tf.shape(x))
        scale = tf.cast(256 / (256 - self.dropped_of_256), x.dtype)
        kept = random_bytes >= tf.cast(self.dropped_of_256, tf.uint8)
        return x * tf.where(kept, scale, tf.zeros_like(scale))
