"""TensorFlow's SavedModel: a folder with one function from images to probabilities."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from mpineat.errors import InputError
from mpineat.training.export.exporter import Exporter


def serving(model: keras.Model) -> tf.types.experimental.GenericFunction:
    """Return the model as one traced function of a batch, its ends named."""

    (image,) = model.inputs

    @tf.function(input_signature=[tf.TensorSpec(image.shape, image.dtype, "image")])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(image, training=False)}

    return serve


def write(model: keras.Model, path: Path) -> None:
    """Write the folder with its signature serving_default."""
    serve = serving(model)
    # The function's own variables: what nothing saved refers to is uninitialised, hence NaN, for
    # converters that load the folder without Keras.
    saved = tf.train.Checkpoint(
        serve=serve, variables=list(serve.get_concrete_function().variables)
    )
    tf.saved_model.save(saved, str(path), signatures={"serving_default": serve})


def check(output: Path) -> None:
    """Overwrite nothing but a SavedModel."""
    if output.exists() and not (output / "saved_model.pb").is_file():
        raise InputError(f"{output}: exists and is no SavedModel; name a new folder")


EXPORTER = Exporter(
    name="savedmodel",
    folder=True,
    fixed_batch=True,
    write=write,
    check=check,
    how_to_load='tf.saved_model.load("{path}")',
    example="""
import tensorflow as tf

serve = tf.saved_model.load("{path}").signatures["serving_default"]
probabilities = serve(image=tf.constant(images))["probabilities"]
classes = probabilities.numpy().argmax(axis=-1)
""",
)
