"""How long the written model takes for a batch, on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow import keras

from mpineat.cluster import processor

BATCHES = (1, 64)
WARM_CALLS, CALLS, SECONDS = 3, 50, 2.0  # of each size at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Of the whole model, from a batch in memory to probabilities.

    Attributes:
        seconds: Images in a batch -> median of its calls.
        threads: Of the processor.
    """

    device: str
    threads: int
    software: str
    seconds: Mapping[int, float]


def measure(model: keras.Model, images: np.ndarray) -> Latency:
    """Time `model` on batches of `images`, as the user's file has them."""
    call = tf.function(lambda batch: model(batch, training=False), reduce_retracing=True)
    found = {}
    for size in BATCHES:
        batch = tf.constant(np.resize(images, (size, *images.shape[1:])))
        for _ in range(WARM_CALLS):
            call(batch).numpy()
        began = time.perf_counter()
        seconds: list[float] = []
        while len(seconds) < CALLS and time.perf_counter() - began < SECONDS:
            start = time.perf_counter()
            call(batch).numpy()  # waits for the device
            seconds.append(time.perf_counter() - start)
        found[size] = statistics.median(seconds)
    asked = tf.config.threading.get_intra_op_parallelism_threads()
    return Latency(
        device=_device(),
        threads=asked or processor.threads(),
        software=f"TensorFlow {tf.__version__}, Keras {keras.__version__}",
        seconds=found,
    )


def _device() -> str:
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return processor.name()
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))
