"""A data set in the device's memory: uint8 images, augmented and standardised in the step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from mpineat import config
from mpineat.data.dataset import Dataset
from mpineat.data.reader import Split
from mpineat.training.augment import augmented

_SAMPLE = 2000  # images say a channel's mean within 1 % of its deviation


def grow_gpu_memory() -> None:
    """Take a GPU's memory as it is needed; before anything is put there."""
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of each channel of the training images, which are in [0, 1].

    Raw pixels are never negative, so at the start many units of a narrow layer would be negative
    for every image, and their ReLU would let no gradient through.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def standardized(self, x: tf.Tensor) -> tf.Tensor:
        """Map images float32 in [0, 1] to what models expect: mean 0, deviation 1."""
        return (x - tf.constant(self.mean)) / tf.constant(self.deviation)


@dataclass(frozen=True, slots=True)
class DeviceSplit:
    """Images uint8 [n, height, width, channels] and labels int32 [n] on the device."""

    x: tf.Tensor
    y: tf.Tensor
    scale: Scale

    def batch(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return images as a model takes them, and labels; `index` is int32 [n]."""
        images = unit(tf.gather(self.x, index))
        return self.scale.standardized(images), tf.gather(self.y, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceData:
    """What every candidate of a child process trains on; loaded once.

    Attributes:
        copies: Size of the training set in multiples of the images.
        augment: How copies after the first are augmented; its `originals` adds the first.
    """

    train: DeviceSplit
    validation: DeviceSplit
    copies: int
    augment: config.Augment

    @property
    def train_examples(self) -> int:
        """Examples of an epoch, augmented copies included."""
        return len(self.train.y) * self.copies

    def batch(self, index: tf.Tensor, seed: int, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return images as a model takes them, and labels; `index` is in [0, train_examples)."""
        image = index % len(self.train.y)
        unchanged = 0 if self.augment.originals else len(self.train.y)
        if unchanged == self.train_examples:
            return self.train.batch(image)
        x = unit(tf.gather(self.train.x, image))
        x = augmented(x, index >= unchanged, self.augment, (seed, step))
        return self.train.scale.standardized(x), tf.gather(self.train.y, image)


def load(dataset: Dataset, options: config.Dataset) -> DeviceData:
    """Copy the training and validation images to the device."""
    scale = scale_of(dataset.train.x)
    return DeviceData(
        train=to_device(dataset.train, scale),
        validation=to_device(dataset.validation, scale),
        copies=options.augment_copies,
        augment=options.augment,
    )


def to_device(split: Split, scale: Scale) -> DeviceSplit:
    """Copy one split to the device."""
    return DeviceSplit(tf.constant(split.x), tf.constant(split.y), scale)


def scale_of(x: np.ndarray) -> Scale:
    """Measure a sample of training images, uint8 [n, height, width, channels]."""
    sample = x[:: -(-len(x) // _SAMPLE)].reshape(-1, x.shape[-1]) / np.float32(255)
    mean, deviation = sample.mean(axis=0, dtype=np.float64), sample.std(axis=0, dtype=np.float64)
    # A channel that never changes says nothing, at any scale.
    return Scale(tuple(mean.tolist()), tuple(np.maximum(deviation, 1 / 255).tolist()))


def unit(x: tf.Tensor) -> tf.Tensor:
    """Map uint8 to float32 in [0, 1]."""
    return tf.cast(x, tf.float32) / 255.0
