"""Export: train a network to the end, measure it once on the test set, write it as a model.

The written model needs no mpineat: it takes images as they are in the data set, values 0 to 255,
and returns a probability for each class.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat import units
from mpineat.config import Config
from mpineat.data.dataset import Dataset, Split, open_dataset
from mpineat.errors import InputError, StorageError
from mpineat.phenotype.network import Network
from mpineat.training import fit
from mpineat.training.device_data import DeviceData, Scale, scale_of, to_device
from mpineat.training.model import build

FORMATS = ("keras", "savedmodel", "onnx", "json")
# CoDeepNEAT trains its best network anew for far more epochs than its fitness took: 300 after 8.
EPOCHS_IN_FITNESSES = 5
ONNX_OPSET = 17

log = logging.getLogger("mpineat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and how good it is; the accuracy is None where nothing was trained."""

    output: Path
    format: str
    epochs: int
    train_examples: int
    test_examples: int
    test_accuracy: float | None
    seconds: float

    def __str__(self) -> str:
        """Return what the command line says at the end."""
        size = units.count(_bytes(self.output)) + "B"
        if self.test_accuracy is None:
            return f"wrote {self.output} ({size}): the architecture alone, nothing was trained"
        return (
            f"trained {units.plural(self.epochs, 'epoch')} on {self.train_examples:,} images in "
            f"{units.duration(self.seconds)}\n"
            f"test accuracy {self.test_accuracy:.4f} on {self.test_examples:,} images\n"
            f"wrote {self.output} ({size}); {HOW_TO_LOAD[self.format].format(path=self.output)}"
        )


HOW_TO_LOAD = {
    "keras": 'load it with keras.models.load_model("{path}")',
    "savedmodel": 'load it with tf.saved_model.load("{path}")',
    "onnx": 'load it with onnxruntime.InferenceSession("{path}")',
}


def export(
    network: Network,
    config: Config,
    *,
    output: Path,
    format: str = "keras",
    epochs: int | None = None,
) -> Exported:
    """Train `network` on training and validation images, along a falling rate, and write it.

    Args:
        epochs: By default five times those of the search.

    Raises:
        InputError: The format cannot be written here, or the training diverged.
        StorageError: The file cannot be written.
    """
    _check_output(output, format)
    if format == "json":
        text = json.dumps(network.to_json(), indent=1)
        _write(output, lambda: output.write_text(text, encoding="utf-8"))
        return Exported(
            output=output,
            format=format,
            epochs=0,
            train_examples=0,
            test_examples=0,
            test_accuracy=None,
            seconds=0.0,
        )
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    epochs = epochs or EPOCHS_IN_FITNESSES * config.training.epochs
    dataset = open_dataset(config.dataset, config.run.seed)
    began = time.monotonic()
    scale = scale_of(dataset.train.x)
    trained = _train(network, config, dataset, scale, epochs)
    seconds = time.monotonic() - began
    model = deployable(trained, network.input_shape, scale)
    test = dataset.test
    accuracy = _accuracy(model, test)
    _write(output, lambda: _WRITERS[format](model, output))
    return Exported(
        output=output,
        format=format,
        epochs=epochs,
        train_examples=len(dataset.train.y) + len(dataset.validation.y),
        test_examples=len(test.y),
        test_accuracy=accuracy,
        seconds=seconds,
    )


def deployable(
    trained: keras.Model, input_shape: tuple[int, int, int], scale: Scale
) -> keras.Model:
    """Return `trained`, from standardised images to logits, as one from uint8 to probabilities."""
    image = keras.Input(input_shape, dtype="uint8", name="image")
    scaled = keras.layers.Rescaling(
        [1 / (255 * deviation) for deviation in scale.deviation],
        [-mean / deviation for mean, deviation in zip(scale.mean, scale.deviation, strict=True)],
        name="scale",
        dtype="float32",
    )(image)
    probabilities = keras.layers.Softmax(name="probabilities", dtype="float32")(trained(scaled))
    return keras.Model(image, probabilities, name="mpineat")


def _train(
    network: Network,
    config: Config,
    dataset: Dataset,
    scale: Scale,
    epochs: int,
) -> keras.Model:
    everything = to_device(
        Split(
            np.concatenate([dataset.train.x, dataset.validation.x]),
            np.concatenate([dataset.train.y, dataset.validation.y]),
        ),
        scale,
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

    model = build(network, config.run.seed)
    try:
        fit.train(
            model,
            data,
            epochs=epochs,
            seed=config.run.seed,
            batch_size=batch_size,
            training=config.training.model_copy(update={"schedule": "falling"}),
            on_chunk=tell,
            validate=False,
        )
    except fit.Diverged as error:
        raise InputError(f"the final training: {error}; try another --candidate") from error
    return model


def _accuracy(model: keras.Model, test: Split) -> float:
    predicted = model.predict(test.x, batch_size=500, verbose=0).argmax(axis=-1)
    return float(np.mean(predicted == test.y))


def _check_output(output: Path, format: str) -> None:
    """Find out before the training what would spoil the writing after it."""
    if not output.parent.is_dir():
        raise InputError(f"{output}: the folder {output.parent} does not exist")
    if format == "keras" and output.suffix != ".keras":
        raise InputError(f"{output}: a Keras model's file name ends in .keras")
    if format == "savedmodel":
        if output.exists() and not (output / "saved_model.pb").is_file():
            raise InputError(f"{output}: exists and is no SavedModel; name a new folder")
    elif output.is_dir():
        raise InputError(f"{output}: is a folder; name a file")
    if format == "onnx" and importlib.util.find_spec("tf2onnx") is None:
        raise InputError('--format onnx needs the extra "onnx": pip install "mpineat[onnx]"')


def _write(output: Path, write: Callable[[], object]) -> None:
    try:
        write()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{output}: cannot be written: {reason}") from error


def _write_keras(model: keras.Model, output: Path) -> None:
    beside = output.with_name(f".{output.stem}.{os.getpid()}.keras")
    model.save(beside)
    os.replace(beside, output)


def _write_savedmodel(model: keras.Model, output: Path) -> None:
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    serve = _serving(model)
    tf.saved_model.save(model, str(beside), signatures={"serving_default": serve})
    shutil.rmtree(output, ignore_errors=True)
    os.replace(beside, output)


def _write_onnx(model: keras.Model, output: Path) -> None:
    # tf2onnx 1.17 still says np.object, which numpy 1.24 took out.
    if "object" not in np.__dict__:
        np.object = object  # type: ignore[attr-defined]
    import tf2onnx

    serve = _serving(model)
    converted, _ = tf2onnx.convert.from_function(
        serve, input_signature=serve.input_signature, opset=ONNX_OPSET
    )
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    beside.write_bytes(converted.SerializeToString())
    os.replace(beside, output)


_WRITERS = {"keras": _write_keras, "savedmodel": _write_savedmodel, "onnx": _write_onnx}


def _serving(model: keras.Model) -> tf.types.experimental.GenericFunction:
    """Return the model as one traced function of a batch of any size, its ends named."""

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, "image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(image, training=False)}

    return serve


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())
