"""What `auto` means: mixed precision and XLA are tried once on a network like the search's."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from functools import partial

import tensorflow as tf

from mpineat import config
from mpineat.phenotype.network import Layer, Network
from mpineat.training import fit, model
from mpineat.training.device_data import DeviceData

log = logging.getLogger(__name__)

TRIAL_STEPS = 40
POLICIES = {"off": "float32", "on": "mixed_float16"}


def settle(options: config.Training, data: DeviceData, *, gpu: bool) -> config.Training:
    """Return the options with every `auto` replaced by what trains a candidate sooner here.

    Without a GPU both are off: XLA's convolutions and any float16 are slower than oneDNN's float32
    on a CPU.
    """
    choices = {
        name: (("off", "on") if gpu else ("off",))
        if getattr(options, name) == "auto"
        else (getattr(options, name),)
        for name in ("mixed_precision", "jit_compile")
    }
    settled = [
        options.model_copy(update=dict(zip(choices, values, strict=True)))
        for values in itertools.product(*choices.values())
    ]
    return (
        fastest(settled, lambda trial: _candidate_seconds(trial, data))
        if len(settled) > 1
        else settled[0]
    )


def fastest(
    trials: list[config.Training], seconds: Callable[[config.Training], float]
) -> config.Training:
    """Return the trial of the fewest seconds; one that this device refuses drops out."""
    measured: list[tuple[float, int]] = []
    for index, trial in enumerate(trials):
        name = f"mixed_precision {trial.mixed_precision}, jit_compile {trial.jit_compile}"
        try:
            measured.append((seconds(trial), index))
            log.info("%s: %.1f s for a typical candidate", name, measured[-1][0])
        except tf.errors.OpError as error:
            log.warning("%s: refused by this device: %s", name, str(error).splitlines()[0])
    return trials[min(measured)[1] if measured else 0]


def _candidate_seconds(trial: config.Training, data: DeviceData) -> float:
    """Estimate the seconds that a whole training takes, XLA's compilation included."""
    batch_size = min(trial.batch_size, data.train_examples)
    steps_an_epoch = data.train_examples / batch_size
    network = _typical(tuple(data.train.x.shape[1:]), int(tf.reduce_max(data.train.y)) + 1)
    history = fit.train(
        model.build(network, 0, policy=POLICIES[trial.mixed_precision], portable=False),
        data,
        epochs=TRIAL_STEPS / steps_an_epoch,
        seed=0,
        batch_size=batch_size,
        training=trial,
        validate=False,
    )
    return history.build_seconds + trial.epochs * steps_an_epoch * history.step_seconds


def _typical(input_shape: tuple[int, int, int], classes: int) -> Network:
    """Return two convolutions of the middle of the search space with a dense layer behind them."""
    convolution = partial(
        Layer, op="conv2d", kernel=(3, 3), strides=(1, 1), padding="same", activation="relu"
    )
    layers = (
        convolution(name="first", inputs=("input",), filters=32),
        Layer(
            name="pool",
            op="maxpool",
            inputs=("first",),
            pool=(2, 2),
            strides=(2, 2),
            padding="valid",
        ),
        convolution(name="second", inputs=("pool",), filters=64),
        Layer(name="average", op="global_average_pool", inputs=("second",)),
        Layer(name="output", op="dense", inputs=("average",), units=classes, activation=None),
    )
    return Network(input_shape, layers, "output")
