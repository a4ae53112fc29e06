"""Adam (Kingma and Ba 2015) by TensorFlow's fused kernel: one operation a variable.

Keras's own Adam adds about a dozen operations a variable to the graph, which every candidate pays
for anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from mpineat.training.schedule import Rate

BETA_2, EPSILON = 0.999, 1e-7  # Keras's defaults


class Adam:
    """The moments of some variables, and their update."""

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        learning_rate: Rate,
        momentum: float = 0.9,
        *,
        nesterov: bool = False,
    ) -> None:
        """Begin with moments of zero; a learning rate may be a function of the step.

        Args:
            momentum: Decay of the first moment, beta_1.
            nesterov: Update by the moment as the next step will see it (Dozat 2016).
        """
        self.variables = tuple(variables)
        self.learning_rate = learning_rate
        self.momentum, self.nesterov = momentum, nesterov
        self._first = [
            tf.Variable(tf.zeros_like(variable), trainable=False) for variable in variables
        ]
        self._second = [
            tf.Variable(tf.zeros_like(variable), trainable=False) for variable in variables
        ]

    def apply(self, gradients: Sequence[tf.Tensor | None], step: tf.Tensor) -> None:
        """Update the variables that have a gradient; `step` counts from 1."""
        count = tf.cast(step, tf.float32)
        rate = self.learning_rate(step) if callable(self.learning_rate) else self.learning_rate
        for variable, first, second, gradient in zip(
            self.variables, self._first, self._second, gradients, strict=True
        ):
            if gradient is None:
                continue
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
