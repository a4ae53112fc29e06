"""A data set on the device or streamed to it: uint8, augmented and standardised in the step."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from mpineat import config, units
from mpineat.cluster.devices import look_around, usable
from mpineat.data import memory
from mpineat.data.dataset import Dataset
from mpineat.data.reader import Split
from mpineat.data.rows import Images
from mpineat.training.augment import augmented
from mpineat.training.feed import Feed, Resident, Streamed

_SAMPLE = 2000  # images say a channel's mean within 1 % of its deviation
_SAMPLE_BYTES = 1 << 26  # of large images fewer are enough
SHARE = 0.5  # of the device's memory may be taken by images; the rest is for networks

log = logging.getLogger(__name__)


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
    """Images uint8 [n, height, width, channels] and labels int32 [n].

    Attributes:
        x: On the device; or where they were, for those that are streamed to it.
    """

    x: tf.Tensor | Images
    y: tf.Tensor
    scale: Scale

    def feed(self, order: np.ndarray, batch_size: int) -> Feed:
        """Return the images in this order, for steps of `batch_size` of them."""
        if tf.is_tensor(self.x):
            return Resident(self.x, order)
        return Streamed(self.x, order, batch_size)

    def batch(self, x: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return images as a model takes them, and labels.

        Args:
            x: The images uint8 [n, height, width, channels] that `index`, int32 [n], names.
        """
        return self.scale.standardized(unit(x)), tf.gather(self.y, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceData:
    """What every candidate of a child process trains on; loaded once.

    Attributes:
        copies: Size of the training set in multiples of the images.
        augment: How copies after the first are augmented; its `originals` adds the first.
        class_weights: Of every image of a class in the loss; None: all count alike.
    """

    train: DeviceSplit
    validation: DeviceSplit
    copies: int
    augment: config.Augment
    class_weights: tuple[float, ...] | None = None

    @property
    def train_examples(self) -> int:
        """Examples of an epoch, augmented copies included."""
        return len(self.train.y) * self.copies

    def feed(self, order: np.ndarray, batch_size: int) -> Feed:
        """Return the images of the examples in this order, which are in [0, train_examples)."""
        return self.train.feed(order % len(self.train.y), batch_size)

    def batch(
        self, x: tf.Tensor, index: tf.Tensor, seed: int, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return images as a model takes them, and labels.

        Args:
            x: The images uint8 [n, height, width, channels] of the examples `index`, int32 [n].
        """
        image = index % len(self.train.y)
        unchanged = 0 if self.augment.originals else len(self.train.y)
        if unchanged == self.train_examples:
            return self.train.batch(x, image)
        x = augmented(unit(x), index >= unchanged, self.augment, (seed, step))
        return self.train.scale.standardized(x), tf.gather(self.train.y, image)


def load(
    dataset: Dataset,
    options: config.Dataset,
    room: int | None = None,
    class_weights: tuple[float, ...] | None = None,
) -> DeviceData:
    """Copy the training and validation images to the device, where they should lie there.

    Args:
        room: Bytes of the device's memory that they may take by `on_device: auto`; None: all.
    """
    scale = scale_of(dataset.train.x)
    resident = lies_on_device(options, dataset.train.x.nbytes + dataset.validation.x.nbytes, room)
    return DeviceData(
        train=to_device(dataset.train, scale, resident=resident),
        validation=to_device(dataset.validation, scale, resident=resident),
        copies=options.augment_copies,
        augment=options.augment,
        class_weights=class_weights,
    )


def lies_on_device(options: config.Dataset, wanted: int, room: int | None) -> bool:
    """Return whether images of `wanted` bytes are copied to the device, or streamed to it."""
    if options.on_device == "auto" and room is not None and wanted > room:
        log.info(
            "the images, %sB, are streamed: of this device's memory %sB are for them",
            units.count(wanted),
            units.count(room),
        )
        return False
    return options.on_device != "never"


def room(gpu_memory_mb: int | None = None, cores: float = 1.0) -> int:
    """Return how many bytes of images the device should hold.

    Args:
        gpu_memory_mb: Of a GPU what this process may use; None: all of the first one, or no GPU.
        cores: This process's share of the node's cores: without a GPU also that of its memory.
    """
    if gpu_memory_mb is None and (gpus := usable(look_around(0, "", 0))):
        gpu_memory_mb = gpus[0][1].memory_mb
    if gpu_memory_mb:
        return round(SHARE * gpu_memory_mb * 2**20)
    return round(SHARE * cores * memory.available())


def to_device(split: Split, scale: Scale, *, resident: bool = True) -> DeviceSplit:
    """Copy one split to the device; of one that is streamed only the labels."""
    x = tf.constant(split.x[:]) if resident else split.x
    return DeviceSplit(x, tf.constant(split.y), scale)


def scale_of(x: Images) -> Scale:
    """Measure a sample of training images, uint8 [n, height, width, channels]."""
    images = max(1, min(_SAMPLE, len(x) * _SAMPLE_BYTES // x.nbytes))
    sample = x[:: -(-len(x) // images)].reshape(-1, x.shape[-1]) / np.float32(255)
    mean, deviation = sample.mean(axis=0, dtype=np.float64), sample.std(axis=0, dtype=np.float64)
    # A channel that never changes says nothing, at any scale.
    return Scale(tuple(mean.tolist()), tuple(np.maximum(deviation, 1 / 255).tolist()))


def unit(x: tf.Tensor) -> tf.Tensor:
    """Map uint8 to float32 in [0, 1]."""
    return tf.cast(x, tf.float32) / 255.0
