"""Random changes of training images, on the device and inside the training step."""

from __future__ import annotations

import math

import tensorflow as tf

from mpineat.config import Augment


def augmented(
    x: tf.Tensor, chosen: tf.Tensor, options: Augment, seed: tuple[int, tf.Tensor]
) -> tf.Tensor:
    """Return the images with the `chosen` ones flipped, shifted, rotated and brightened at random.

    Args:
        x: float32 [n, height, width, channels] in [0, 1].
        chosen: bool [n].
        seed: Two numbers; equal ones give equal changes.
    """
    n, height, width = x.shape[0], x.shape[1], x.shape[2]
    # Five numbers an image in [-1, 1): flip, shift down, shift right, angle, brightness.
    draws = tf.random.stateless_uniform([n, 5], tf.stack(seed), -1.0, 1.0)
    draws = tf.where(chosen[:, None], draws, 0.0)
    if options.flip or options.shift or options.rotate:
        x = _transformed(x, _matrices(draws, options, height, width))
    if options.brightness:
        x = tf.clip_by_value(x + options.brightness * draws[:, 4, None, None, None], 0.0, 1.0)
    return x


def _matrices(draws: tf.Tensor, options: Augment, height: int, width: int) -> tf.Tensor:
    """Return [n, 8] projective transforms that map a pixel of the result to one of the original."""
    mirror = tf.where(draws[:, 0] > 0, -1.0, 1.0) if options.flip else tf.ones_like(draws[:, 0])
    down, right = options.shift * height * draws[:, 1], options.shift * width * draws[:, 2]
    angle = math.radians(options.rotate) * draws[:, 3]
    cosine, sine = tf.cos(angle), tf.sin(angle)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    # x' = mirror * (cos x - sin y), y' = sin x + cos y about the middle of the image, then the
    # shift.
    a, b, d, e = mirror * cosine, -mirror * sine, sine, cosine
    c = middle_x - a * middle_x - b * middle_y + right
    f = middle_y - d * middle_x - e * middle_y + down
    nothing = tf.zeros_like(a)
    return tf.stack([a, b, c, d, e, f, nothing, nothing], axis=1)


def _transformed(x: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=matrices,
        output_shape=tf.constant([x.shape[1], x.shape[2]]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
