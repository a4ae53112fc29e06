"""An exporter of your own: LiteRT (TensorFlow Lite), one file for telephones and microcontrollers.

Beside it, in pyproject.toml:

    [project]
    name = "tflite-exporter"
    version = "1.0"

    [project.entry-points."mpineat.exporter"]
    tflite = "exporter:TFLITE"

After `pip install .` there, `mpineat export RUN_DIR --format tflite -o model.tflite` writes it.
"""

from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from mpineat.training.export.exporter import Exporter


def write(model: keras.Model, path: Path) -> None:
    """Convert the trained model, from uint8 images to probabilities, and write it."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    path.write_bytes(converter.convert())


TFLITE = Exporter(
    name="tflite",
    suffix=".tflite",
    write=write,
    how_to_load='tf.lite.Interpreter(model_path="{path}")',
)
