"""Augmentation changes the copies alone, by no more than asked."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mpineat.config import Augment, Dataset
from mpineat.data.dataset import open_dataset
from mpineat.training import fit
from mpineat.training.augment import augmented

NOTHING = {"flip": False, "shift": 0.0, "rotate": 0.0, "brightness": 0.0}
SEED = (3, tf.constant(5))


@pytest.fixture
def images():
    return tf.constant(np.random.default_rng(0).random((40, 12, 10, 3), np.float32))


def changed(x, seed=SEED, chosen=None, **options):
    chosen = tf.ones(len(x), tf.bool) if chosen is None else chosen
    return augmented(x, chosen, Augment(**(NOTHING | options)), seed).numpy()


def test_a_flip_mirrors_about_half_of_the_images(images):
    found = changed(images, flip=True)
    mirrored = [
        np.allclose(a, b[:, ::-1], atol=1e-5) for a, b in zip(found, images.numpy(), strict=True)
    ]
    same = [np.allclose(a, b, atol=1e-5) for a, b in zip(found, images.numpy(), strict=True)]
    assert all(m != s for m, s in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32


def test_a_shift_stays_within_its_range(images):
    ramp = tf.tile(tf.range(10.0)[None, None, :, None], [40, 12, 1, 1])  # value = column
    moved = changed(ramp, shift=0.2)[:, 5, 4:6, 0] - np.array([4, 5])
    assert np.abs(moved).max() <= 2 + 1e-4
    assert np.abs(moved).max() > 1


def test_a_rotation_keeps_the_middle_and_moves_the_rim():
    x = np.zeros((40, 11, 11, 1), np.float32)
    x[:, 5, 5], x[:, 5, 10] = 1, 1
    found = changed(tf.constant(x), rotate=45.0)
    assert np.allclose(found[:, 5, 5], 1, atol=1e-5)
    assert found[:, 5, 10].mean() < 0.5


def test_brightness_moves_an_image_as_a_whole_and_stays_in_range(images):
    found = changed(0.25 + 0.5 * images, brightness=0.2) - (0.25 + 0.5 * images.numpy())
    assert np.abs(found).max() <= 0.2 + 1e-5
    assert np.allclose(found, found[:, :1, :1, :1], atol=1e-5)
    assert changed(images, brightness=1.0).min() >= 0
    assert changed(images, brightness=1.0).max() <= 1


def test_a_change_of_scale_keeps_the_middle_and_moves_the_rim():
    x = np.zeros((40, 11, 11, 1), np.float32)
    x[:, 5, 5], x[:, 5, 9] = 1, 1
    found = changed(tf.constant(x), scale=0.3)
    assert found[:, 5, 5].min() > 0.99
    assert found[:, 5, 9].mean() < 0.9


def test_hue_and_saturation_leave_grey_and_the_luma_as_they_are(images):
    soft = 0.4 + 0.2 * images
    found = changed(soft, hue=45.0, saturation=0.5)
    luma = np.array([0.299, 0.587, 0.114])
    assert np.allclose(found @ luma, soft.numpy() @ luma, atol=1e-3)
    assert not np.allclose(found, soft, atol=1e-2)
    grey = tf.repeat(soft[..., :1], 3, axis=3)
    assert np.allclose(changed(grey, hue=45.0, saturation=0.5), grey, atol=1e-3)
    assert np.array_equal(changed(soft[..., :1], hue=45.0, saturation=0.5), soft[..., :1])


def test_contrast_multiplies_an_image_as_a_whole(images):
    found = changed(0.5 * images, contrast=0.5) / (0.5 * images.numpy())
    assert np.allclose(found, found[:, :1, :1, :1], atol=1e-3)
    assert found.min() >= 0.5 - 1e-3
    assert found.max() <= 1.5 + 1e-3
    assert found.max() - found.min() > 0.5


def test_further_changes_leave_the_first_ones_what_they_were(images):
    """A configuration without them has the history that it had before they existed."""
    both = changed(images, flip=True, shift=0.1, saturation=1e-9)
    assert np.allclose(both, changed(images, flip=True, shift=0.1), atol=1e-4)


def test_only_the_chosen_change_and_equal_seeds_change_alike(images):
    chosen = tf.constant([False, True] * 20)
    options = {"flip": True, "shift": 0.1, "rotate": 10.0, "brightness": 0.1}
    found = changed(images, chosen=chosen, **options)
    assert np.allclose(found[::2], images.numpy()[::2], atol=1e-5)
    assert not np.allclose(found[1::2], images.numpy()[1::2], atol=1e-2)
    assert np.array_equal(found, changed(images, chosen=chosen, **options))
    assert not np.array_equal(found, changed(images, (3, tf.constant(6)), chosen=chosen, **options))


def test_copies_enlarge_the_training_set_and_the_first_stays_as_it_is():
    options = Dataset(augment_copies=3, augment=Augment(brightness=0.5))
    data = fit.load(open_dataset(options, 0), options)
    n = len(data.train.y)
    assert data.train_examples == 3 * n
    index = tf.constant([4, 4 + n, 4 + 2 * n])
    image = tf.gather(data.train.x, index % n)
    x, y = data.batch(image, index, 0, tf.constant(0))
    original = data.train.batch(image[:1], index[:1])[0][0]
    assert np.allclose(x[0], original, atol=1e-5)
    assert not np.allclose(x[1], original, atol=1e-3)
    assert not np.allclose(x[1], x[2], atol=1e-3)
    assert y.numpy().tolist() == [data.train.y[4].numpy()] * 3


def test_originals_change_too_where_asked():
    options = Dataset(augment=Augment(**(NOTHING | {"contrast": 0.5, "originals": True})))
    data = fit.load(open_dataset(options, 0), options)
    plain = fit.load(open_dataset(Dataset(), 0), Dataset())
    index = tf.range(20)
    images = tf.gather(data.train.x, index)
    x, _ = data.batch(images, index, 0, tf.constant(0))
    assert not np.allclose(x, plain.batch(images, index, 0, tf.constant(0))[0], atol=1e-2)
    assert data.train_examples == plain.train_examples
