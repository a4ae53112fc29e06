"""Random changes of training images, on the device and inside the training step."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from mpineat.config import Augment

# Red, green, blue -> luma and two axes of chroma, in whose plane the hue is an angle (NTSC's YIQ).
_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_RGB = np.linalg.inv(_YIQ)
# The parts of the matrix that turns the hue by an angle: constant, by its cosine, by its sine.
_LUMA = np.float32(_RGB[:, :1] @ _YIQ[:1])
_CHROMA = np.float32(_RGB[:, 1:] @ _YIQ[1:])
_TURNED = np.float32(_RGB[:, 1:] @ [[0, -1], [1, 0]] @ _YIQ[1:])


def augmented(
    x: tf.Tensor, chosen: tf.Tensor, options: Augment, seed: tuple[int, tf.Tensor]
) -> tf.Tensor:
    """Return the images with the `chosen` ones moved and recoloured at random.

    Args:
        x: float32 [n, height, width, channels] in [0, 1].
        chosen: bool [n].
        seed: Two numbers; equal ones give equal changes.
    """
    n, height, width = x.shape[0], x.shape[1], x.shape[2]
    # Five numbers an image in [-1, 1): flip, shift down, shift right, angle, brightness.
    draws = tf.random.stateless_uniform([n, 5], tf.stack(seed), -1.0, 1.0)
    draws = tf.where(chosen[:, None], draws, 0.0)
    # Four more, apart from the first five, which stay what they are: scale, contrast, saturation,
    # hue.
    more = tf.random.stateless_uniform([n, 4], tf.stack((seed[0], -1 - seed[1])), -1.0, 1.0)
    more = tf.where(chosen[:, None], more, 0.0)
    if options.flip or options.shift or options.rotate or options.scale:
        x = _transformed(x, _matrices(draws, more[:, 0], options, height, width))
    colours = x.shape[3] == 3 and (options.saturation or options.hue)
    if colours:
        x = tf.einsum("nhwc,ndc->nhwd", x, _colour_matrices(more, options))
    if options.contrast:
        x = x * (1.0 + options.contrast * more[:, 1, None, None, None])
    if options.brightness:
        x = x + options.brightness * draws[:, 4, None, None, None]
    return tf.clip_by_value(x, 0.0, 1.0) if colours or options.contrast or options.brightness else x


def _colour_matrices(draws: tf.Tensor, options: Augment) -> tf.Tensor:
    """Return [n, 3, 3] maps of red, green and blue that scale the saturation and turn the hue."""
    saturation = 1.0 + options.saturation * draws[:, 2, None, None]
    angle = math.radians(options.hue) * draws[:, 3, None, None]
    return _LUMA + saturation * (tf.cos(angle) * _CHROMA + tf.sin(angle) * _TURNED)


def _matrices(
    draws: tf.Tensor, magnified: tf.Tensor, options: Augment, height: int, width: int
) -> tf.Tensor:
    """Return [n, 8] projective transforms that map a pixel of the result to one of the original."""
    mirror = tf.where(draws[:, 0] > 0, -1.0, 1.0) if options.flip else tf.ones_like(draws[:, 0])
    down, right = options.shift * height * draws[:, 1], options.shift * width * draws[:, 2]
    if options.whole_pixels:
        down, right = tf.round(down), tf.round(right)
    angle = math.radians(options.rotate) * draws[:, 3]
    cosine, sine = tf.cos(angle), tf.sin(angle)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    # x' = mirror * (cos x - sin y), y' = sin x + cos y about the middle of the image, then the
    # shift.
    a, b, d, e = mirror * cosine, -mirror * sine, sine, cosine
    if options.scale:
        a, b, d, e = ((1.0 + options.scale * magnified) * part for part in (a, b, d, e))
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
