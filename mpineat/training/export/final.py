"""Export: train a network to the end, write it as a model, measure it once on the test set.

The written model needs no mpineat: it takes images as they are in the data set, with the values of
the user's own files, and returns a probability for each class.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat.child.failures import one_line
from mpineat.config import Config
from mpineat.data.conversion import AS_IT_IS, Conversion
from mpineat.data.dataset import Dataset
from mpineat.data.reader import Split
from mpineat.data.rows import joined, parts
from mpineat.errors import InputError
from mpineat.phenotype.network import Network
from mpineat.training import fit
from mpineat.training.device_data import (
    DeviceData,
    Scale,
    grow_gpu_memory,
    lies_on_device,
    room,
    scale_of,
    to_device,
)
from mpineat.training.export.confusion import Confusion
from mpineat.training.export.exported import Exported
from mpineat.training.export.exporter import Exporter
from mpineat.training.model import build

# CoDeepNEAT trains its best network anew for far more epochs than its fitness took: 300 after 8.
EPOCHS_IN_FITNESSES = 5

log = logging.getLogger("mpineat")


def export(
    network: Network,
    config: Config,
    dataset: Dataset,
    *,
    output: Path,
    exporter: Exporter,
    epochs: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
) -> Exported:
    """Train `network` on training and validation images, along a falling rate, and write it.

    Args:
        dataset: As the search divided it.
        epochs: By default five times those of the search.
        batch: Number of images that the written model takes at once; None: any.
        seed: Of weights and shuffling; None: the run's. The images are split as in the run.

    Raises:
        InputError: The format cannot be written here, the test set cannot be read or is empty, or
            the training diverged.
        StorageError: The file cannot be written.
    """
    exporter.examine(output, batch)
    grow_gpu_memory()
    epochs = epochs or EPOCHS_IN_FITNESSES * config.training.epochs
    seed = config.run.seed if seed is None else seed
    test = dataset.test  # now: what is wrong with it must not cost a training
    if not len(test.y):
        raise InputError(
            f"data set {dataset.name!r}: its test set is empty, so the final training could not be "
            "measured; add test images, or more of each class where they are held out of these"
        )
    began = time.monotonic()
    scale = scale_of(dataset.train.x)
    trained = _train(network, config, dataset, scale, epochs, seed)
    seconds = time.monotonic() - began
    shape, conversion = network.input_shape, dataset.conversion
    exporter.put(deployable(trained, shape, scale, conversion, batch=batch), output)
    confusion, unmeasured = None, ""
    try:
        plain = deployable(trained, shape, scale, conversion)
        confusion = _confusion(plain, test, conversion, dataset.classes)
    except (tf.errors.OpError, MemoryError) as error:
        unmeasured = one_line(error)
    return Exported(
        output=output,
        how_to_load=exporter.how_to_load,
        seed=seed,
        epochs=epochs,
        train_examples=len(dataset.train.y) + len(dataset.validation.y),
        test_examples=len(test.y),
        confusion=confusion,
        unmeasured=unmeasured,
        class_names=dataset.class_names,
        seconds=seconds,
    )


def deployable(
    trained: keras.Model,
    input_shape: tuple[int, int, int],
    scale: Scale,
    conversion: Conversion = AS_IT_IS,
    batch: int | None = None,
) -> keras.Model:
    """Return `trained`, from standardised images to logits, as one to probabilities.

    Args:
        conversion: How the user's values became uint8: the model takes the user's.
        batch: Number of images that it takes at once; None: any.
    """
    image = keras.Input(input_shape, batch_size=batch, dtype=conversion.model_dtype, name="image")
    scales, offsets = conversion.standardizing(scale.mean, scale.deviation)
    scaled = keras.layers.Rescaling(scales, offsets, name="scale", dtype="float32")(image)
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(trained(scaled))
    return keras.Model(image, probabilities, name="mpineat")


def _train(
    network: Network,
    config: Config,
    dataset: Dataset,
    scale: Scale,
    epochs: int,
    seed: int,
) -> keras.Model:
    x = joined(dataset.train.x, dataset.validation.x)
    everything = to_device(
        Split(x, np.concatenate([dataset.train.y, dataset.validation.y])),
        scale,
        resident=lies_on_device(config.dataset, x.nbytes, room()),
    )
    data = DeviceData(
        train=everything,
        validation=everything,  # never looked at: nothing is held back for it
        copies=config.dataset.augment_copies,
        augment=config.dataset.augment,
    )
    batch_size = min(config.training.batch_size, data.train_examples)
    steps = epochs * -(-data.train_examples // batch_size)
    told = time.monotonic()

    def tell(step: int) -> None:
        nonlocal told
        if time.monotonic() - told >= 10:
            told = time.monotonic()
            log.info("epoch %d of %d", 1 + step * epochs // steps, epochs)

    model = build(network, seed)
    try:
        fit.train(
            model,
            data,
            epochs=epochs,
            seed=seed,
            batch_size=batch_size,
            training=config.training.model_copy(update={"schedule": "falling"}),
            on_chunk=tell,
            validate=False,
        )
    except fit.Diverged as error:
        raise InputError(f"the final training: {error}; try another --candidate") from error
    return model


def _confusion(model: keras.Model, test: Split, conversion: Conversion, classes: int) -> Confusion:
    counts, done = np.zeros((classes, classes), np.int64), 0
    for block in parts(test.x):
        x, y = conversion.back(block), test.y[done : done + len(block)]
        taken_for = model.predict(x, batch_size=500, verbose=0).argmax(axis=-1)
        np.add.at(counts, (y, taken_for), 1)
        done += len(block)
    return Confusion(counts=counts)
