"""Trainings on two virtual devices of this processor, for test_devices.py: JSON of what came out.

A process of its own: what TensorFlow calls a device is settled before it does anything.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from mpineat.config import Training
from mpineat.config.recipe import PLAIN
from mpineat.errors import InputError, Stopped
from mpineat.training import fit, model
from mpineat.training.devices import ONE, Devices
from mpineat.training.dropout import ByteDropout
from mpineat.training.export import final, keras
from tests.training.export.test_checkpoint import CONFIG, DIGITS, export
from tests.training.networks import residual
from tests.training.test_recipe import NORMED

NAMES = ("CPU:0", "CPU:1")


def furthest_from_one_device() -> float:
    """Return the largest distance of a variable from one device's, relative to its length."""
    data, network, learned = fit.load(DIGITS, CONFIG.dataset), residual(), []
    recipe = {"mixup": 0.3, "cutout": 0.2, "weight_decay": 0.1, "label_smoothing": 0.1}
    for devices in (ONE, Devices(NAMES)):
        with devices.holding():
            built = model.build(network, 3, portable=False)
        # 255 images: the last batch of an epoch is padded, and 61 is odd.
        fit.train(
            built, data, epochs=1.2, seed=3, batch_size=61, training=Training(),
            recipe=PLAIN.model_copy(update=recipe), devices=devices, validate=False,
        )  # fmt: skip
        learned.append({k: v.numpy() for k, v in model.variables(built, network).items()})
    one, two = learned
    # Adam enlarges what is rounding in a gradient near zero, so single weights say little.
    return max(float(np.linalg.norm(two[k] - one[k]) / np.linalg.norm(one[k])) for k in one)


def stopped_and_resumed(folder: Path) -> bool:
    """Return whether an export that was stopped amid an epoch has the weights of no stop."""
    whole = export(folder / "whole.keras", devices=NAMES)
    try:
        export(folder / "m.keras", looks=9, devices=NAMES)
    except Stopped:
        resumed = export(folder / "m.keras", devices=NAMES)
        return all(map(np.array_equal, whole, resumed))
    return False


def kept_on_both() -> list[float]:
    """Return on how many devices the kept activations of a dropout layer are kept."""
    devices = Devices(NAMES)
    with devices.holding():
        layer = ByteDropout(0.5, 1)
        layer.build((None, 999))

    def work(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
        kept = tf.cast(layer(x, training=True) > 0, tf.float32)
        return devices.summed([], kept)[1]

    (found,) = devices.together(work)(tf.ones([2, 999]))
    return np.unique(found).tolist()


def too_small(folder: Path) -> str:
    """Return what is said of a batch that two devices cannot share."""
    recipe = CONFIG.recipe.model_copy(update={"batch_size": 1})
    config = CONFIG.model_copy(update={"recipe": recipe})
    try:
        final.export(
            NORMED, config, DIGITS, output=folder / "n.keras", exporter=keras.EXPORTER,
            devices=NAMES,
        )  # fmt: skip
    except InputError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    (processor,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * len(NAMES)
    tf.config.set_logical_device_configuration(processor, halves)
    found = {
        "furthest_from_one_device": furthest_from_one_device(),
        "stopped_and_resumed": stopped_and_resumed(Path(sys.argv[1])),
        "kept_on_both": kept_on_both(),
        "too_small": too_small(Path(sys.argv[1])),
    }
    print(json.dumps(found))
