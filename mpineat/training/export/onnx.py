"""ONNX, for other runtimes than TensorFlow; needs the extra `onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tensorflow import keras

from mpineat.errors import extra
from mpineat.training.export.exporter import Exporter
from mpineat.training.export.savedmodel import serving

OPSET = 17


def converter() -> Any:
    """Return the package that converts.

    Raises:
        InputError: It is not installed.
    """
    # tf2onnx 1.17 still says np.object, which numpy 1.24 took out.
    if "object" not in np.__dict__:
        np.object = object  # type: ignore[attr-defined]
    with extra("onnx"):
        import tf2onnx
    return tf2onnx


def write(model: keras.Model, path: Path) -> None:
    """Convert the served function and write it."""
    serve = serving(model)
    converted, _ = converter().convert.from_function(
        serve, input_signature=serve.input_signature, opset=OPSET
    )
    path.write_bytes(converted.SerializeToString())


EXPORTER = Exporter(
    name="onnx",
    fixed_batch=True,
    write=write,
    check=lambda _: converter(),
    how_to_load='onnxruntime.InferenceSession("{path}")',
    example="""
import onnxruntime

session = onnxruntime.InferenceSession("{path}")
(probabilities,) = session.run(["probabilities"], {"image": images})
classes = probabilities.argmax(axis=-1)
""",
)
