"""Adam (Kingma and Ba 2015) by TensorFlow's fused kernel: one operation a variable.

Keras's own Adam adds about a dozen operations a variable to the graph, which every candidate pays
for anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from mpineat import config

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


BETA_2, EPSILON = 0.999, 1e-7  # Keras's defaults


class Adam:
    """The moments of some variables, and their update.

    Where several devices hold the variables, each updates its own copy, by equal gradients.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        learning_rate: Rate,
        momentum: float = 0.9,
        *,
        nesterov: bool = False,
        decay: float = 0.0,
    ) -> None:
        """Begin with moments of zero; a learning rate may be a function of the step.

        Args:
            momentum: Decay of the first moment, beta_1.
            nesterov: Update by the moment as the next step will see it (Dozat 2016).
            decay: Shrink kernels by this times the rate at every step, apart from the moments
                (Loshchilov and Hutter 2019).
        """
        self.variables = tuple(variables)
        self.learning_rate = learning_rate
        self.momentum, self.nesterov, self.decay = momentum, nesterov, decay
        self._first = [
            tf.Variable(tf.zeros_like(variable), trainable=False) for variable in variables
        ]
        self._second = [
            tf.Variable(tf.zeros_like(variable), trainable=False) for variable in variables
        ]

    @property
    def moments(self) -> tuple[tf.Variable, ...]:
        """All that it remembers between two steps."""
        return (*self._first, *self._second)

    def apply(self, gradients: Sequence[tf.Tensor | None], step: tf.Tensor) -> None:
        """Update the variables that have a gradient; `step` counts from 1."""
        count = tf.cast(step, tf.float32)
        rate = self.learning_rate(step) if callable(self.learning_rate) else self.learning_rate
        for variable, first, second, gradient in zip(
            self.variables, self._first, self._second, gradients, strict=True
        ):
            if gradient is None:
                continue
            if self.decay and len(variable.shape) > 1:  # biases, gamma and beta have one dimension
                shrink = variable * (rate * self.decay)
                tf.raw_ops.AssignSubVariableOp(resource=variable.handle, value=shrink)
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=self.momentum**count,
                beta2_power=BETA_2**count,
                lr=rate,
                beta1=self.momentum,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
                use_nesterov=self.nesterov,
            )


def adam_of(
    training: config.Training, variables: Sequence[tf.Variable], steps: int, *, decay: float = 0.0
) -> Adam:
    """Return Adam with the options of a training of so many steps."""
    rate: Rate = training.learning_rate
    if training.schedule == "falling":
        rate = falling(training.learning_rate, steps)
    return Adam(variables, rate, training.momentum, nesterov=training.nesterov, decay=decay)


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
