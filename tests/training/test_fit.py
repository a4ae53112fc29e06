"""Training: the whole epoch and nothing else, equal seeds equal results, limits noticed in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from mpineat.cluster import awake
from mpineat.config import Augment, Dataset, Training
from mpineat.data.dataset import open_dataset
from mpineat.phenotype.network import Layer, Network
from mpineat.training import feed, fit, model
from mpineat.training.compression.penalty import differentiated
from mpineat.training.device_data import DeviceData, DeviceSplit, Scale
from mpineat.training.optimizer import Adam

SAME = {"strides": (1, 1), "padding": "same", "activation": "relu"}
SMALL = Network(
    (8, 8, 1),
    (
        Layer(name="conv", op="conv2d", inputs=("input",), filters=8, kernel=(3, 3), **SAME),
        Layer(
            name="pool",
            op="maxpool",
            inputs=("conv",),
            pool=(2, 2),
            strides=(2, 2),
            padding="valid",
        ),
        Layer(name="drop", op="dropout", inputs=("pool",), rate=0.2),
        Layer(name="flat", op="flatten", inputs=("drop",)),
        Layer(name="output", op="dense", inputs=("flat",), units=10, activation=None),
    ),
    "output",
)
LINEAR = Network(
    (8, 8, 1),
    (
        Layer(name="flat", op="flatten", inputs=("input",)),
        Layer(name="output", op="dense", inputs=("flat",), units=10, activation=None),
    ),
    "output",
)


@pytest.fixture(scope="module")
def digits():
    return fit.load(open_dataset(Dataset(), 0), Dataset())


def constant(learning_rate, **changes):
    """Return settings with a rate that never changes, 0 included."""
    own = {"learning_rate": learning_rate, "schedule": "constant"}
    return Training().model_copy(update=own | changes)


def train(network, data, *, built=None, **changes):
    built = built or model.build(network, 3, portable=False)
    settings = {
        "epochs": 2,
        "seed": 7,
        "batch_size": 64,
        "training": constant(2e-3),
    } | changes
    return built, fit.train(built, data, **settings)


def weights(built):
    return np.concatenate([variable.numpy().ravel() for variable in model.trainable(built)])


def test_the_digits_are_learnt(digits):
    _, history = train(SMALL, digits, epochs=8)
    assert [point.epoch for point in history.curve] == list(range(1, 9))
    assert history.curve[-1].val_accuracy > 0.8
    assert history.curve[-1].loss < history.curve[0].loss
    assert history.steps == 8 * math.ceil(1221 / 64)


def test_equal_seeds_give_equal_weights_however_the_calls_are_cut(digits):
    first, one = train(SMALL, digits)
    second, two = train(SMALL, digits, on_chunk=lambda step: None, deadline=awake.seconds() + 600)
    other, _ = train(SMALL, digits, seed=8)
    assert np.array_equal(weights(first), weights(second))
    assert one.curve == two.curve
    assert not np.array_equal(weights(first), weights(other))


@pytest.mark.parametrize("copies", [1, 2])
def test_streamed_images_teach_what_resident_ones_do(digits, monkeypatch, copies):
    monkeypatch.setattr(feed, "BLOCK", 5 * 64 * 64)  # five steps; an epoch has twenty
    dataset, found = open_dataset(Dataset(), 0), []
    for where in ("always", "never"):
        options = Dataset(on_device=where, augment_copies=copies)
        found.append(train(SMALL, fit.load(dataset, options), deadline=awake.seconds() + 600))
    (resident, one), (streamed, two) = found
    assert np.array_equal(weights(resident), weights(streamed))
    assert one.curve == two.curve


def test_images_are_streamed_where_they_leave_no_room(digits):
    dataset = open_dataset(Dataset(), 0)
    wanted = dataset.train.x.nbytes + dataset.validation.x.nbytes
    for room, resident in ((None, True), (wanted, True), (wanted - 1, False)):
        assert tf.is_tensor(fit.load(dataset, Dataset(), room).train.x) == resident


def test_an_epoch_sees_every_example_once_also_in_the_last_partial_batch():
    """At a learning rate of 0 the loss of an epoch is the mean over all examples."""
    rng = np.random.default_rng(0)
    split = DeviceSplit(
        tf.constant(rng.integers(0, 256, (50, 8, 8, 1), np.uint8)),
        tf.constant(rng.integers(0, 10, 50).astype(np.int32)),
        Scale((0.5,), (0.25,)),
    )
    data = DeviceData(train=split, validation=split, copies=1, augment=Augment())
    built, history = train(LINEAR, data, epochs=1, batch_size=16, training=constant(0.0))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = float(loss(split.y, built(4 * tf.cast(split.x, tf.float32) / 255 - 2)))
    assert history.curve[0].loss == pytest.approx(expected, rel=1e-5)
    assert history.curve[0].val_loss == pytest.approx(expected, rel=1e-5)
    assert history.curve[0].accuracy == history.curve[0].val_accuracy
    assert history.steps == 4


def test_a_step_is_one_of_keras_own_adam(digits):
    """One step on one batch of everything changes the weights as Keras's optimiser would."""
    ours, _ = train(LINEAR, digits, epochs=1, batch_size=100_000)
    theirs = model.build(LINEAR, 3)
    theirs.compile(
        keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    x, y = (
        values.numpy()
        for values in digits.train.batch(digits.train.x, tf.range(len(digits.train.y)))
    )
    theirs.fit(x, y, batch_size=len(y), epochs=1, shuffle=False, verbose=0)
    assert np.allclose(weights(ours), weights(theirs), atol=1e-6)


def test_a_fraction_of_an_epoch_is_that_share_of_the_steps(digits):
    _, history = train(LINEAR, digits, epochs=0.5, batch_size=61)  # 21 steps an epoch
    assert history.steps == round(0.5 * math.ceil(1221 / 61))
    assert len(history.curve) == 1


def test_the_penalty_is_part_of_the_loss(digits):
    built = model.build(LINEAR, 3)
    kernel = model.kernels(built, LINEAR)["output"]
    plain, _ = train(LINEAR, digits, training=constant(0.01))
    train(
        LINEAR,
        digits,
        built=built,
        training=constant(0.01),
        penalty=differentiated(lambda: 100.0 * tf.reduce_sum(tf.abs(kernel))),
    )
    free = model.kernels(plain, LINEAR)["output"]
    assert np.abs(kernel).sum() < 0.5 * np.abs(free).sum()


def test_on_chunk_hears_the_first_step_the_last_and_some_between(digits):
    heard = []
    train(LINEAR, digits, on_chunk=heard.append)
    assert heard[0] == 1
    assert heard[-1] == 40
    assert heard == sorted(set(heard))
    assert len(heard) >= 8


def test_an_infinite_loss_ends_the_training_at_once(digits):
    built = model.build(
        LINEAR, 3, weights={"output/bias": np.array([np.inf] + [0] * 9, np.float32)}
    )
    with pytest.raises(fit.Diverged, match="NaN or infinite in epoch 1"):
        train(LINEAR, digits, built=built)


def test_a_passed_deadline_ends_the_training(digits):
    with pytest.raises(fit.TooSlow, match="reached the deadline"):
        train(LINEAR, digits, deadline=awake.seconds())


def test_one_training_is_traced_once(digits):
    traced = []
    built = model.build(LINEAR, 3)

    def count(variables):
        traced.append(1)
        return tf.constant(0.0), [None] * len(variables)

    train(LINEAR, digits, built=built, epochs=3, penalty=count)
    assert len(traced) == 1


def test_xla_and_float16_train_too(digits):
    _, plain = train(LINEAR, digits)
    _, compiled = train(LINEAR, digits, training=constant(2e-3, jit_compile="on"))
    assert compiled.curve[-1].val_loss == pytest.approx(plain.curve[-1].val_loss, rel=1e-3)
    half = model.build(LINEAR, 3, policy="mixed_float16")
    _, history = train(LINEAR, digits, built=half)
    assert half.output.dtype == "float16"
    assert history.curve[-1].val_loss == pytest.approx(plain.curve[-1].val_loss, rel=0.02)


def test_adam_skips_what_has_no_gradient():
    used, unused = tf.Variable([1.0, 2.0]), tf.Variable([3.0])
    Adam([used, unused], 0.1).apply([tf.constant([1.0, -1.0]), None], tf.constant(1))
    assert np.allclose(used, [0.9, 2.1], atol=1e-5)
    assert unused.numpy() == [3.0]
