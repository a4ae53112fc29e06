"""What a model is worth on a set of images: its loss, its accuracy, and what else is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat import metrics
from mpineat.training import scores
from mpineat.training.device_data import DeviceSplit
from mpineat.training.scores import Counts


class Measured(NamedTuple):
    """Of one pass.

    Attributes:
        loss: Mean cross-entropy in nats, each image's times the weight of its class.
        metric: Of training.metric; None where that is accuracy.
        confusion: [classes, classes]; None unless it was asked for.
    """

    loss: float
    accuracy: float
    metric: float | None = None
    confusion: Counts | None = None


def evaluator(
    model: keras.Model,
    split: DeviceSplit,
    batch_size: int,
    *,
    metric: str = metrics.ACCURACY,
    weights: Sequence[float] | None = None,
    confusion: bool = False,
) -> Callable[[], Measured]:
    """Return a function that measures `model` on `split`.

    Args:
        metric: Of mpineat.metrics, measured beside the accuracy.
        weights: Of the classes, in the loss; None: all alike.
        confusion: Whether to count which class is taken for which.
    """
    examples = len(split.y)
    batch_size = min(batch_size, examples)
    batches = -(-examples // batch_size)
    # Sums are enough for loss and accuracy; the rest needs every answer.
    answers = confusion or metric != metrics.ACCURACY

    @tf.function(autograph=False)
    def measure(x, rows, start, y, first, last, loss, correct):  # type: ignore[no-untyped-def]
        def add_batch(batch, loss, correct, *logits_so_far):  # type: ignore[no-untyped-def]
            position = batch * batch_size + tf.range(batch_size)
            counts = tf.cast(position < examples, tf.float32)  # the last batch is padded
            chosen = tf.minimum(position, examples - 1)
            raw = tf.gather(x, tf.gather(rows, position - start))
            images, labels = replace(split, x=x, y=y).batch(raw, chosen)
            logits = tf.cast(model(images, training=False), tf.float32)
            losses, hits = losses_and_hits(labels, logits)
            losses = weighted(losses, weights, labels)
            return (
                batch + 1,
                loss + tf.reduce_sum(losses * counts),
                correct + tf.reduce_sum(hits * counts),
                *(before.write(batch - first, logits) for before in logits_so_far),
            )

        kept = [tf.TensorArray(tf.float32, last - first)] if answers else []
        _, loss, correct, *kept = tf.while_loop(
            lambda batch, *_: batch < last,
            add_batch,
            (first, loss, correct, *kept),
            parallel_iterations=1,
        )
        # [images of these batches, classes]
        return loss, correct, kept[0].concat() if answers else None

    order = np.minimum(np.arange(batches * batch_size), examples - 1)

    def evaluate() -> Measured:
        feed, first = split.feed(order, batch_size), 0
        totals = [tf.constant(0.0), tf.constant(0.0)]
        blocks: list[np.ndarray] = []
        while first < batches:
            last = min(batches, feed.end(first))
            *totals, logits = measure(*feed.piece(first), split.y, first, last, *totals)
            if answers:
                blocks.append(logits.numpy())
            first = last
        found = Measured(float(totals[0]) / examples, float(totals[1]) / examples)
        if not answers:
            return found
        labels, all_logits = split.y.numpy(), np.concatenate(blocks)[:examples]
        if metric != metrics.ACCURACY:
            found = found._replace(metric=scores.measure(metric, labels, all_logits))
        if confusion:
            taken_for = all_logits.argmax(axis=1)
            classes = all_logits.shape[1]
            found = found._replace(confusion=scores.confusion(labels, taken_for, classes))
        return found

    return evaluate


def losses_and_hits(labels: tf.Tensor, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the cross-entropy of each image, and 1 where the answer is right."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    hits = tf.cast(tf.argmax(logits, axis=-1, output_type=tf.int32) == labels, tf.float32)
    return losses, hits


def weighted(
    losses: tf.Tensor, weights: Sequence[float] | None, labels: tf.Tensor, *mixed: tf.Tensor
) -> tf.Tensor:
    """Return the losses of images times the weights of their classes.

    Args:
        weights: Of the classes; None: all alike.
        mixed: Where images were mixed, the labels of the others and the shares of the own ones, by
            which the weights of both are averaged.
    """
    if weights is None:
        return losses
    by_class = tf.constant(weights, tf.float32)
    own = tf.gather(by_class, labels)
    if mixed:
        others, share = mixed
        own = share * own + (1.0 - share) * tf.gather(by_class, others)
    return losses * own
