"""Dropout from bytes keeps its rate and its mean, and changes from call to call."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mpineat.training.dropout import ByteDropout


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_it_drops_its_share_and_keeps_the_mean(rate):
    y = ByteDropout(rate, 1)(tf.ones([100, 999]), training=True).numpy()
    assert abs((y == 0).mean() - rate) < 0.01
    assert abs(y.mean() - 1) < 0.02
    assert len(np.unique(y)) == 2


def test_every_call_draws_anew_and_equal_seeds_draw_alike():
    first, twin, other = ByteDropout(0.5, 1), ByteDropout(0.5, 1), ByteDropout(0.5, 2)
    x = tf.ones([8, 64])
    one, two = first(x, training=True), first(x, training=True)
    assert not np.array_equal(one, two)
    assert np.array_equal(one, twin(x, training=True))
    assert not np.array_equal(one, other(x, training=True))


def test_outside_training_nothing_is_dropped():
    x = tf.ones([8, 64])
    assert np.array_equal(ByteDropout(0.5, 1)(x), x)


def test_gradients_flow_through_what_is_kept():
    x = tf.Variable(tf.ones([4, 64]))
    layer = ByteDropout(0.5, 1)
    with tf.GradientTape() as tape:
        y = layer(x, training=True)
    assert np.array_equal(tape.gradient(y, x), y)
