"""The learning rate over a training's steps: it rises for a while, then falls to 0.

Adam's first steps move every weight by about the whole rate, all inputs of a unit the same way. On
a dense layer behind large maps that is enough to turn many units negative for every image, for
good; a rise from small steps spares them (Goyal et al. 2017). The fall to 0 settles the weights, so
that a short training says more of a network (Loshchilov and Hutter 2017, without restarts).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

Rate = float | Callable[[tf.Tensor], tf.Tensor]  # of the step, which counts from 1

RISE = 0.05  # of all steps


def falling(peak: float, steps: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a rate that rises to `peak` and then falls to 0 along half a cosine."""
    rise = max(1, round(RISE * steps))

    def rate(step: tf.Tensor) -> tf.Tensor:
        done = tf.cast(step, tf.float32)
        risen = tf.minimum(1.0, done / rise)
        fallen = tf.maximum(0.0, (done - rise) / (steps + 1 - rise))
        return peak * risen * 0.5 * (1.0 + tf.cos(math.pi * fallen))

    return rate
