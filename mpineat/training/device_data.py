"""A data set in the device's memory: uint8 images, normalised and augmented in the step."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from mpineat import config
from mpineat.training.augment import augmented
from mpineat.training.data import Dataset, Split


@dataclass(frozen=True, slots=True)
class DeviceSplit:
    """Images uint8 [n, height, width, channels] and labels int32 [n] on the device."""

    x: tf.Tensor
    y: tf.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceData:
    """What every candidate of a child process trains on; loaded once.

    Attributes:
        copies: Size of the training set in multiples of the images; copies after the first are
            augmented.
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
        """Return images float32 in [0, 1] and labels; `index` is in [0, train_examples)."""
        image = index % len(self.train.y)
        x = normalize(tf.gather(self.train.x, image))
        if self.copies > 1:
            x = augmented(x, index >= len(self.train.y), self.augment, (seed, step))
        return x, tf.gather(self.train.y, image)


def load(dataset: Dataset, options: config.Dataset) -> DeviceData:
    """Copy the training and validation images to the device."""
    return DeviceData(
        train=to_device(dataset.train),
        validation=to_device(dataset.validation),
        copies=options.augment_copies,
        augment=options.augment,
    )


def to_device(split: Split) -> DeviceSplit:
    """Copy one split to the device."""
    return DeviceSplit(tf.constant(split.x), tf.constant(split.y))


def normalize(x: tf.Tensor) -> tf.Tensor:
    """Map uint8 to float32 in [0, 1]; models expect this."""
    return tf.cast(x, tf.float32) / 255.0
