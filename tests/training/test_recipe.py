"""What a full training changes: losses as the papers have them, decay of kernels, averages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from mpineat.config import Augment, Config, Dataset, Recipe, Training
from mpineat.config.recipe import PLAIN
from mpineat.data.dataset import open_dataset
from mpineat.data.full_training import PHOTOGRAPHS, full, on_photographs
from mpineat.phenotype.network import Layer, Network
from mpineat.training import fit, model
from mpineat.training.augment import augmented
from mpineat.training.optimizer import Adam
from mpineat.training.recipe import softened, varied

SEED = 3
NORMED = Network(
    (8, 8, 1),
    (
        Layer(
            name="conv",
            op="conv2d_bn",
            inputs=("input",),
            filters=4,
            kernel=(3, 3),
            strides=(1, 1),
            padding="same",
            activation="relu",
        ),
        Layer(name="drop", op="dropout", inputs=("conv",), rate=0.2),
        Layer(name="flat", op="flatten", inputs=("drop",)),
        Layer(name="output", op="dense", inputs=("flat",), units=10),
    ),
    "output",
)


@pytest.fixture(scope="module")
def digits():
    options = Dataset(train_examples=400)
    return fit.load(open_dataset(options, 0), options)


def recipe(**changes):
    return PLAIN.model_copy(update=changes)


def train(data, *, epochs=3, learning_rate=3e-3, **changes):
    built = model.build(NORMED, SEED, portable=False)
    history = fit.train(
        built,
        data,
        epochs=epochs,
        seed=SEED,
        batch_size=50,
        training=Training(learning_rate=learning_rate),
        recipe=recipe(**changes),
    )
    return model.variables(built, NORMED), history


def test_smoothed_labels_cost_what_the_cross_entropy_with_them_does():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5, 4)).astype(np.float32), np.array([0, 1, 2, 3, 1])
    targets = 0.9 * np.eye(4)[labels] + 0.1 / 4
    wanted = -(targets * np.log(tf.nn.softmax(logits).numpy())).sum(axis=1)
    plain = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    np.testing.assert_allclose(softened(plain, logits, recipe(label_smoothing=0.1)), wanted, 1e-5)
    assert softened(plain, logits, PLAIN) is plain


def test_mixed_images_are_charged_for_both_labels_by_their_shares():
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=(50, 4, 4, 1)).astype(np.float32))
    labels = tf.constant(rng.integers(0, 3, 50), tf.int32)
    mixed, others, share = varied(images, labels, recipe(mixup=0.4), SEED, tf.constant(7))
    neighbour = np.roll(images, 1, axis=0)
    weight = share.numpy()[:, None, None, None]
    np.testing.assert_allclose(mixed, weight * images + (1 - weight) * neighbour, atol=1e-6)
    assert others.numpy().tolist() == np.roll(labels, 1).tolist()
    # beta(0.4, 0.4): mostly one image or the other, a half on average
    assert ((share.numpy() >= 0) & (share.numpy() <= 1)).all()
    assert 0.3 < share.numpy().mean() < 0.7
    assert np.minimum(share, 1 - share).mean() < 0.3
    logits = tf.constant(rng.normal(size=(50, 3)).astype(np.float32))
    cost = tf.nn.sparse_softmax_cross_entropy_with_logits
    found = softened(cost(labels, logits), logits, recipe(mixup=0.4), others, share)
    wanted = share * cost(labels, logits) + (1 - share) * cost(others, logits)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_square_of_every_image_is_blanked():
    images = tf.ones([60, 12, 12, 2])
    (found,) = varied(images, tf.zeros(60, tf.int32), recipe(cutout=0.5), SEED, tf.constant(1))
    blank = found.numpy()[..., 0] == 0
    assert np.array_equal(blank, found.numpy()[..., 1] == 0)
    assert blank.sum(axis=(1, 2)).max() == 36  # 6 x 6; less at the rim
    assert blank.any(axis=(1, 2)).all()
    assert len({one.tobytes() for one in blank}) > 20


def test_decay_shrinks_kernels_and_neither_biases_nor_norms():
    kernel, bias = tf.Variable([[1.0, -2.0]]), tf.Variable([1.0, -2.0])
    Adam([kernel, bias], 0.1, decay=0.5).apply([tf.zeros([1, 2]), tf.zeros([2])], tf.constant(1))
    np.testing.assert_allclose(kernel, [[0.95, -1.9]], rtol=1e-6)
    np.testing.assert_array_equal(bias, [1.0, -2.0])


def test_a_training_is_decayed_by_the_recipe(digits):
    plain, _ = train(digits)
    decayed, _ = train(digits, weight_decay=3.0)
    assert np.abs(decayed["output"]).mean() < 0.95 * np.abs(plain["output"]).mean()


def test_the_average_is_of_the_last_epochs_ends_and_the_norms_fit_it(digits, monkeypatch):
    ends = []
    original = fit.Average.ended

    def listen(self, epoch, epochs, *rest):
        ends.append([value.numpy() for value in model.trainable(self._model)])
        original(self, epoch, epochs, *rest)

    monkeypatch.setattr(fit.Average, "ended", listen)
    found, history = train(digits, epochs=4, average_epochs=2)
    wanted = [(a + b) / 2 for a, b in zip(ends[2], ends[3], strict=True)]
    names = [name for name in found if "moving" not in name]
    for name, value in zip(names, wanted, strict=True):
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-7)
    assert len(history.curve) == 4
    assert_norms_fit(found, digits)


def test_norms_are_measured_for_the_last_weights(digits):
    """Two epochs of eight steps: the running means would still be near their beginning."""
    found, _ = train(digits, epochs=2, measure_norms=True)
    assert_norms_fit(found, digits)


def assert_norms_fit(found, digits):
    """Assert that the norm knows its convolution's outputs over the training images."""
    images, _ = digits.train.batch(digits.train.x, tf.range(len(digits.train.y)))
    outputs = tf.nn.conv2d(images, found["conv"], 1, "SAME").numpy().reshape(-1, 4)
    np.testing.assert_allclose(found["conv/moving_mean"], outputs.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(found["conv/moving_variance"], outputs.var(axis=0), rtol=0.1)


def test_photographs_are_mirrored_and_shifted_in_full_trainings_and_digits_are_not():
    photographs = Config(dataset=Dataset(name="cifar10", path="."))
    assert full(photographs).dataset.augment == PHOTOGRAPHS
    assert full(Config()).dataset == Config().dataset
    assert not on_photographs(Config(dataset=Dataset(name="svhn", path=".")))
    # Who has the search augment its images has chosen.
    for own in ({"augment_copies": 2}, {"augment": Augment(originals=True)}):
        assert not on_photographs(Config(dataset=Dataset(name="cifar10", path=".", **own)))
    asked = Config(dataset=Dataset(name="folder", path="."), recipe=Recipe(augment="photographs"))
    assert full(asked).dataset.augment == PHOTOGRAPHS
    refused = photographs.model_copy(update={"recipe": Recipe(augment="search")})
    assert full(refused).dataset == photographs.dataset


def test_a_larger_batch_raises_the_rate_by_the_root():
    config = Config(recipe=Recipe(batch_size=512), training=Training(batch_size=128))
    found = full(config).training
    assert found.batch_size == 512
    assert found.learning_rate == pytest.approx(2 * config.training.learning_rate)


def test_whole_pixels_move_images_without_a_blur():
    images = tf.constant(np.random.default_rng(0).random((30, 16, 16, 1), np.float32))
    options = PHOTOGRAPHS.model_copy(update={"flip": False})
    found = augmented(images, tf.ones(30, tf.bool), options, (SEED, tf.constant(2))).numpy()
    moved = 0
    for before, after in zip(images.numpy(), found, strict=True):
        places = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if np.array_equal(np.roll(before, (down, right), (0, 1))[2:-2, 2:-2], after[2:-2, 2:-2])
        ]
        assert len(places) == 1
        moved += places != [(0, 0)]
    assert moved > 20


def test_a_seed_beyond_32_bits_augments_too(digits):
    data = replace(digits, augment=PHOTOGRAPHS)
    built = model.build(NORMED, 1, portable=False)
    history = fit.train(
        built,
        data,
        epochs=1,
        seed=2**40 + 1,
        batch_size=50,
        training=Training(),
        recipe=recipe(cutout=0.2, average_epochs=1),
    )
    assert np.isfinite(history.curve[-1].loss)
