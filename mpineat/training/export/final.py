"""Export: train a network to the end, write it as a model, measure it once on the test set.

The written model needs no mpineat: it takes images as they are in the data set, with the values of
the user's own files, and returns a probability for each class.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat import units
from mpineat.child.failures import one_line
from mpineat.config import Config, Training
from mpineat.data.class_weights import class_weights
from mpineat.data.conversion import AS_IT_IS, Conversion
from mpineat.data.dataset import Dataset
from mpineat.data.full_training import full, on_photographs
from mpineat.data.reader import Split
from mpineat.data.rows import joined, parts
from mpineat.errors import InputError
from mpineat.phenotype.network import Network
from mpineat.training import fit, model
from mpineat.training.device_data import (
    DeviceData,
    Scale,
    grow_gpu_memory,
    lies_on_device,
    room,
    scale_of,
    to_device,
)
from mpineat.training.devices import Devices
from mpineat.training.export.checkpoint import Keeping
from mpineat.training.export.confusion import Confusion
from mpineat.training.export.exported import Exported
from mpineat.training.export.exporter import Exporter
from mpineat.training.export.latency import BATCHES, measure
from mpineat.training.export.pace import Pace, epochs_within
from mpineat.training.standing import Place

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
    minutes: float | None = None,
    validate: bool = False,
    batch: int | None = None,
    seed: int | None = None,
    keeping: Keeping | None = None,
    devices: Sequence[str] = (),
) -> Exported:
    """Train `network` on training and validation images, along a falling rate, and write it.

    Args:
        dataset: As the search divided it.
        epochs: By default five times those of the search; or as many as `minutes` are time for.
        validate: Whether to leave the validation images out, and to measure every epoch on them.
        batch: Number of images that the written model takes at once; None: any.
        seed: Of weights and shuffling; None: the run's. The images are split as in the run.
        keeping: Keeps the training, and has found where to go on, if it has begun.
        devices: That share every batch, by TensorFlow's names; none or one: the one that TensorFlow
            takes by itself.

    Raises:
        InputError: The format cannot be written here, the test set cannot be read or is empty,
            the training diverged, or a batch has fewer images than there are devices.
        StorageError: The file cannot be written.
        Stopped: Asked to stop in time; the training is kept.
    """
    exporter.examine(output, batch)
    grow_gpu_memory()
    seed = config.run.seed if seed is None else seed
    test = dataset.test  # now: what is wrong with it must not cost a training
    if not len(test.y):
        raise InputError(
            f"data set {dataset.name!r}: its test set is empty, so the final training could not be "
            "measured; add test images, or more of each class where they are held out of these"
        )
    scale = scale_of(dataset.train.x)
    data = _data(full(config), dataset, scale, validate=validate)
    shared = Devices(devices)
    _share(shared, full(config).training, data.train_examples)
    _say_how(config, data, validate=validate)
    began = time.monotonic()
    if keeping is not None and keeping.found is not None:
        epochs = keeping.found.epochs
    elif minutes is not None:
        epochs = epochs_within(
            minutes, network, full(config), data, seed=seed, validate=validate, devices=shared
        )
    epochs = epochs or EPOCHS_IN_FITNESSES * config.training.epochs
    trained = _train(network, full(config), data, epochs, seed, validate, keeping, shared)
    seconds = time.monotonic() - began
    if keeping is not None and keeping.found is not None:
        seconds += keeping.found.seconds
    shape, conversion = network.input_shape, dataset.conversion
    exporter.put(deployable(trained, shape, scale, conversion, batch=batch), output)
    if keeping is not None:
        keeping.forget()
    confusion, latency, unmeasured = None, None, ""
    try:
        plain = deployable(trained, shape, scale, conversion)
        confusion = _confusion(plain, test, conversion, dataset.classes)
        latency = measure(plain, conversion.back(test.x[: max(BATCHES)]))
    except (tf.errors.OpError, MemoryError) as error:
        unmeasured = one_line(error)
    return Exported(
        output=output,
        how_to_load=exporter.how_to_load,
        seed=seed,
        epochs=epochs,
        train_examples=len(data.train.y),
        test_examples=len(test.y),
        confusion=confusion,
        unmeasured=unmeasured,
        class_names=dataset.class_names,
        seconds=seconds,
        validated=validate,
        latency=latency,
        devices=(shared.count,) if keeping is None else keeping.devices,
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


def claim_device(training: Training) -> None:
    """Bind TensorFlow to the options' threads; before it does anything."""
    if threads := training.threads or (1 if training.deterministic else None):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()


def _data(config: Config, dataset: Dataset, scale: Scale, *, validate: bool) -> DeviceData:
    """Bring the images to train on to the device; all of them, unless some are to validate on."""
    x, y = dataset.train.x, dataset.train.y
    if not validate:
        x = joined(x, dataset.validation.x)
        y = np.concatenate([y, dataset.validation.y])
    wanted = x.nbytes + (dataset.validation.x.nbytes if validate else 0)
    resident = lies_on_device(config.dataset, wanted, room())
    train = to_device(Split(x, y), scale, resident=resident)
    held = to_device(dataset.validation, scale, resident=resident) if validate else train
    return DeviceData(
        train=train,
        validation=held,
        copies=config.dataset.augment_copies,
        augment=config.dataset.augment,
        class_weights=class_weights(config.training.class_weights, y, dataset.classes),
    )


def _share(devices: Devices, training: Training, examples: int) -> None:
    """Say how the devices share a batch, if they can."""
    batch_size = min(training.batch_size, examples)
    if batch_size < devices.count:
        raise InputError(
            f"{units.plural(devices.count, 'device')} cannot share a batch of "
            f"{units.plural(batch_size, 'image')}: ask for fewer, or for a larger recipe.batch_size"
        )
    if devices.count > 1:
        log.info("every batch of %d images is shared by %d devices", batch_size, devices.count)
        if training.jit_compile == "on":
            log.warning("training.jit_compile: XLA compiles for one device only, so it does not")


def _say_how(config: Config, data: DeviceData, *, validate: bool) -> None:
    log.info(
        "%s",
        "every image is mirrored and shifted at random (recipe.augment)"
        if on_photographs(config)
        else "images are augmented as in the search (recipe.augment)",
    )
    log.info(
        "%s",
        f"{len(data.validation.y):,} images are kept back to validate on"
        if validate
        else "no image is kept back to validate on; --validate does",
    )


def _train(
    network: Network,
    config: Config,
    data: DeviceData,
    epochs: int,
    seed: int,
    validate: bool,
    keeping: Keeping | None,
    devices: Devices,
) -> keras.Model:
    """Return the trained model, of layers that Keras alone can load again."""
    batch_size = min(config.training.batch_size, data.train_examples)
    pace = Pace(epochs, -(-data.train_examples // batch_size))
    if keeping is not None:
        keeping.expect(network, epochs, devices.count)
    # Its dropout draws by numbers of calls, which a checkpoint can hold.
    with devices.holding():
        trained = model.build(network, seed, portable=False)
    try:
        history = fit.train(
            trained,
            data,
            epochs=epochs,
            seed=seed,
            batch_size=batch_size,
            training=config.training.model_copy(update={"schedule": "falling"}),
            recipe=config.recipe,
            on_chunk=pace.step,
            on_epoch=(pace.epoch,),
            deadline=math.inf,  # a signal is noticed within seconds
            validate=validate,
            keeper=keeping,
            devices=devices,
        )
    except fit.Diverged as error:
        raise InputError(f"the final training: {error}; try another --candidate") from error
    if keeping is not None:
        keeping.end(Place(curve=history.curve))
    learned = {name: value.numpy() for name, value in model.variables(trained, network).items()}
    return model.build(network, seed, weights=learned)


def _confusion(model: keras.Model, test: Split, conversion: Conversion, classes: int) -> Confusion:
    counts, done = np.zeros((classes, classes), np.int64), 0
    for block in parts(test.x):
        x, y = conversion.back(block), test.y[done : done + len(block)]
        taken_for = model.predict(x, batch_size=500, verbose=0).argmax(axis=-1)
        np.add.at(counts, (y, taken_for), 1)
        done += len(block)
    return Confusion(counts=counts)
