"""What a recipe does to a batch of images and to its losses."""

from __future__ import annotations

import tensorflow as tf

from mpineat.config import Recipe


def varied(
    images: tf.Tensor, labels: tf.Tensor, recipe: Recipe, seed: int, step: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Return the images with squares blanked and, where they are mixed, what `softened` takes too.

    Args:
        images: Standardised, float32 [n, height, width, channels], so that a blank is the mean.
        labels: int32 [n].
        seed, step: Equal ones give equal changes; no number of augmentation's is drawn again.
    """
    n, height, width = images.shape[0], images.shape[1], images.shape[2]
    if recipe.cutout:
        middle = tf.random.stateless_uniform([n, 2], tf.stack((-1 - seed, step)))
        rows = tf.abs(tf.range(height, dtype=tf.float32) + 0.5 - height * middle[:, :1])
        columns = tf.abs(tf.range(width, dtype=tf.float32) + 0.5 - width * middle[:, 1:])
        inside = (rows < 0.5 * recipe.cutout * height)[:, :, None] & (
            columns < 0.5 * recipe.cutout * width
        )[:, None, :]
        images = tf.where(inside[..., None], 0.0, images)
    if not recipe.mixup:
        return (images,)
    # A beta variable is the share of one of two gamma variables in their sum.
    drawn = tf.random.stateless_gamma([2, n], tf.stack((-1 - seed, -1 - step)), recipe.mixup)
    share = tf.maximum(drawn[0], 1e-30) / tf.maximum(drawn[0] + drawn[1], 1e-30)
    weight = share[:, None, None, None]
    # The order of the examples is random, so a neighbour is any other image.
    others = tf.roll(images, 1, 0)
    return weight * images + (1.0 - weight) * others, tf.roll(labels, 1, 0), share


def softened(losses: tf.Tensor, logits: tf.Tensor, recipe: Recipe, *mixed: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropies [n] for smoothed labels and, where images were mixed, for both.

    Args:
        losses: Cross-entropies with the images' own labels.
        mixed: The labels of the other images and the shares of the own ones, where there are any.
    """
    if mixed:
        labels, share = mixed
        others = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        losses = share * losses + (1.0 - share) * others
    if recipe.label_smoothing:
        # The mean over all classes of what each as the label would cost.
        even = tf.reduce_logsumexp(logits, axis=-1) - tf.reduce_mean(logits, axis=-1)
        losses = (1.0 - recipe.label_smoothing) * losses + recipe.label_smoothing * even
    return losses
