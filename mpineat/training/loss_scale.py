"""Loss scaling, so that small gradients do not vanish in float16 (Micikevicius et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

FIRST_SCALE = 2.0**15
STEPS_TO_GROW = 2000  # without an overflow, until the scale is doubled


class LossScale:
    """A factor on the loss that finds its own size while training goes on."""

    def __init__(self) -> None:
        self._scale = tf.Variable(FIRST_SCALE, trainable=False)
        self._good_steps = tf.Variable(0, dtype=tf.int64, trainable=False)

    def enlarge(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the loss to differentiate."""
        return loss * self._scale

    def restore(self, gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor | None]:
        """Return the gradients of the loss itself, or zeros if one overflowed; adapt the scale."""
        finite = tf.reduce_all(
            [tf.reduce_all(tf.math.is_finite(item)) for item in gradients if item is not None]
        )
        scale, good_steps = tf.identity(self._scale), self._good_steps + 1
        grow = finite & (good_steps >= STEPS_TO_GROW)
        self._good_steps.assign(tf.where(finite & ~grow, good_steps, 0))
        self._scale.assign(
            tf.where(finite, tf.where(grow, scale * 2.0, scale), tf.maximum(scale / 2.0, 1.0))
        )
        return [
            None if item is None else tf.where(finite, item / scale, tf.zeros_like(item))
            for item in gradients
        ]
