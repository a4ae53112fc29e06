"""Penalties on a model's weights: a value, and a gradient that is added to the loss's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

Slopes = Sequence["tf.Tensor | None"]  # one for each variable; None where there is no dependence
Penalty = Callable[[Sequence[tf.Variable]], tuple[tf.Tensor, Slopes]]


def differentiated(term: Callable[[], tf.Tensor]) -> Penalty:
    """Return a penalty whose gradient TensorFlow finds."""

    def compute(variables: Sequence[tf.Variable]) -> tuple[tf.Tensor, Slopes]:
        with tf.GradientTape() as tape:
            value = term()
        return value, tape.gradient(value, variables)

    return compute


def added(gradients: Slopes, slopes: Slopes) -> list[tf.Tensor | None]:
    """Return the sums, variable by variable."""
    return [
        gradient if slope is None else slope if gradient is None else gradient + slope
        for gradient, slope in zip(gradients, slopes, strict=True)
    ]
