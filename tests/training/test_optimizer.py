"""The learning rate rises, falls, and is what a training uses."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mpineat.config import Dataset, Training
from mpineat.data.dataset import open_dataset
from mpineat.training import fit, model
from mpineat.training.optimizer import falling
from tests.training.networks import residual


def rates(peak, steps):
    rate = falling(peak, steps)
    return np.array([float(rate(tf.constant(step))) for step in range(1, steps + 1)])


def test_it_rises_over_the_first_twentieth_and_falls_to_0():
    found = rates(0.1, 200)
    assert found[9] == found.max() == pytest.approx(0.1)
    assert (np.diff(found[:10]) > 0).all()
    assert (np.diff(found[9:]) < 0).all()
    assert found[0] == pytest.approx(0.01)
    assert found[104] == pytest.approx(0.05, rel=0.02)
    assert 0 < found[-1] < 1e-4


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_even_a_step_or_two_learn_something(steps):
    found = rates(0.1, steps)
    assert found[0] == pytest.approx(0.1)
    assert (found > 0).all()


def test_a_training_falls_over_all_its_epochs():
    options = Dataset(train_examples=200)
    data = fit.load(open_dataset(options, 0), options)

    def last_move(schedule):
        """Return by how much the last chunk of steps moves a weight."""
        built = model.build(residual(), 3)
        seen = []
        fit.train(
            built,
            data,
            epochs=4,
            seed=3,
            batch_size=20,
            training=Training(schedule=schedule),
            on_chunk=lambda _: seen.append(
                np.concatenate([value.numpy().ravel() for value in model.trainable(built)])
            ),
        )
        return np.abs(seen[-1] - seen[-2]).mean()

    assert 0 < last_move("falling") < 0.1 * last_move("constant")
