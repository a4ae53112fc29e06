"""Images on the device: standardised by their own statistics, augmented before that."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mpineat import config
from mpineat.data.dataset import Dataset, Split
from mpineat.training.device_data import load, scale_of


def images(count, *, channels=3, seed=0):
    """Return images whose channels differ in brightness and contrast."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, 6, 6, channels))
    return np.clip(60 + 40 * np.arange(channels) + 20 * noise, 0, 255).astype(np.uint8)


def split(x):
    return Split(x, np.arange(len(x)) % 10)


def test_a_channel_of_the_training_images_has_mean_0_and_deviation_1():
    x = images(500)
    scale = scale_of(x)
    found = scale.standardized(tf.cast(x, tf.float32) / 255).numpy()
    assert found.mean(axis=(0, 1, 2)) == pytest.approx(0, abs=1e-4)
    assert found.std(axis=(0, 1, 2)) == pytest.approx(1, abs=1e-4)


def test_a_sample_of_many_images_is_enough():
    x = images(9000)
    scale = scale_of(x)
    assert scale.mean == pytest.approx((x / 255).mean(axis=(0, 1, 2)), abs=0.01)
    assert scale.deviation == pytest.approx((x / 255).std(axis=(0, 1, 2)), rel=0.01)


def test_a_channel_that_never_changes_stays_finite():
    x = images(20)
    x[..., 1] = 7
    found = scale_of(x).standardized(tf.cast(x, tf.float32) / 255).numpy()
    assert np.isfinite(found).all()
    assert found[..., 1] == pytest.approx(0, abs=1e-4)


def test_validation_images_and_augmented_copies_are_scaled_like_the_training_images():
    x, held_out = images(40), images(8, seed=1)
    dataset = Dataset(
        name="noise",
        input_shape=x.shape[1:],
        classes=10,
        train=split(x),
        validation=split(held_out),
        read_test=lambda: split(held_out),
    )
    plain = config.Augment(flip=False, shift=0)
    data = load(dataset, config.Dataset(augment_copies=2, augment=plain))
    assert data.validation.scale == data.train.scale == scale_of(x)
    image = tf.gather(data.train.x, [3])
    twice, labels = data.batch(tf.repeat(image, 2, axis=0), tf.constant([3, 43]), 0, tf.constant(0))
    once, label = data.train.batch(image, tf.constant([3]))
    assert twice.numpy() == pytest.approx(np.repeat(once.numpy(), 2, axis=0), abs=1e-5)
    assert labels.numpy().tolist() == 2 * label.numpy().tolist()
