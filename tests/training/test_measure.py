"""What validation measures: Keras's own answers, judged by the metric, in batches or not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mpineat import metrics
from mpineat.config import Augment, Training
from mpineat.phenotype.network import Layer, Network
from mpineat.training import fit, model, scores
from mpineat.training.device_data import DeviceData, DeviceSplit, Scale

CLASSES = 3
LINEAR = Network(
    (8, 8, 1),
    (
        Layer(name="flat", op="flatten", inputs=("input",)),
        Layer(name="output", op="dense", inputs=("flat",), units=CLASSES, activation=None),
    ),
    "output",
)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 8, 8, 1), np.uint8)
LABELS = RNG.choice(CLASSES, 50, p=(0.8, 0.15, 0.05)).astype(np.int32)


def split(*, streamed: bool = False) -> DeviceSplit:
    x = IMAGES if streamed else tf.constant(IMAGES)
    return DeviceSplit(x, tf.constant(LABELS), Scale((0.5,), (0.25,)))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("metric", metrics.TITLES)
def test_it_is_the_metric_of_the_answers_whatever_the_batches(metric, streamed):
    built = model.build(LINEAR, 3)
    logits = np.asarray(built(4 * IMAGES.astype(np.float32) / 255 - 2))
    parts = split(streamed=streamed)
    found = fit.evaluator(built, parts, 16, metric=metric, confusion=True)()
    counts = np.zeros((CLASSES, CLASSES), int)
    for label, taken_for in zip(LABELS, logits.argmax(axis=1), strict=True):
        counts[label, taken_for] += 1
    assert found.confusion.tolist() == counts.tolist()
    assert found.accuracy == pytest.approx(np.trace(counts) / 50)
    if metric == metrics.ACCURACY:
        assert found.metric is None
    else:
        assert found.metric == pytest.approx(scores.measure(metric, LABELS, logits), rel=1e-6)
    plain = fit.evaluator(built, parts, 16)()
    assert (plain.loss, plain.accuracy) == (found.loss, found.accuracy)
    assert (plain.metric, plain.confusion) == (None, None)


def test_an_image_counts_in_the_losses_as_much_as_its_class_weighs():
    """At a learning rate of 0 the losses of an epoch are those of the first weights."""
    weights = (0.5, 2.0, 4.0)
    data = DeviceData(
        train=split(), validation=split(), copies=1, augment=Augment(), class_weights=weights
    )
    built = model.build(LINEAR, 3)
    logits = np.asarray(built(4 * IMAGES.astype(np.float32) / 255 - 2), np.float64)
    each = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(50), LABELS]
    expected = np.mean(each * np.array(weights)[LABELS])
    still = Training().model_copy(update={"learning_rate": 0.0, "schedule": "constant"})
    [point] = fit.train(built, data, epochs=1, seed=0, batch_size=16, training=still).curve
    assert (point.loss, point.val_loss) == pytest.approx((expected, expected), rel=1e-5)


def test_balanced_weights_teach_a_network_what_is_rare():
    """A rare class beside a common one, told apart by one pixel that is often wrong."""
    rng = np.random.default_rng(1)
    labels = np.array([0] * 570 + [1] * 30, np.int32)
    images = np.zeros((600, 8, 8, 1), np.uint8)
    told = np.where(rng.random(600) < 0.2, 1 - labels, labels)
    images[:, 0, 0, 0] = 255 * told
    part = DeviceSplit(tf.constant(images), tf.constant(labels), Scale((0.5,), (0.25,)))
    found = []
    for weights in (None, (600 / 1140, 600 / 60)):
        data = DeviceData(
            train=part, validation=part, copies=1, augment=Augment(), class_weights=weights
        )
        training = Training(metric="balanced_accuracy", learning_rate=0.05)
        history = fit.train(
            model.build(LINEAR, 0), data, epochs=5, seed=0, batch_size=64, training=training
        )
        found.append(history.curve[-1])
    common, heard = found
    assert common.val_accuracy > 0.94
    assert common.val_metric == 0.5
    assert heard.val_metric > 0.7
