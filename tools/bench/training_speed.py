"""Images a second against keras.Model.fit: same network, arrays, batch size, threads; in pairs."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from bench.training_networks import FIXED
from tensorflow import keras

from mpineat.config import Augment, Training
from mpineat.data.dataset import Split
from mpineat.phenotype import cost
from mpineat.phenotype.network import Network
from mpineat.training import fit, model
from mpineat.training.device_data import DeviceData, scale_of, to_device

BATCH_SIZE = 128
FLOPS_A_RUN = 40e9  # so many training flops make one measurement: a second or so on one core
MATRIX = 2048


def speed(options: argparse.Namespace) -> Iterator[str]:
    """Yield a line for each network; medians over the pairs."""
    yield f"large float32 matrix product: {_peak() / 1e9:.0f} Gflops/s, threads: {options.threads}"
    yield (
        "fit: keras.Model.fit with jit_compile=False; XLA: as it is by default; "
        "times: ours against the faster\n"
        "network      Mflops  ours/s   fit/s   XLA/s  times  overhead s  fit's s  XLA's s  Gflops/s"
    )
    for name in options.networks or FIXED:
        yield _compare(name, FIXED[name], options.pairs)


def _compare(name: str, network: Network, pairs: int) -> str:
    flops = 3 * cost.flops(network)  # backward costs twice the forward pass
    steps = max(8, int(FLOPS_A_RUN / flops / BATCH_SIZE))
    split = _images(network, steps * BATCH_SIZE)
    x = split.x.astype(np.float32) / 255  # a gift to fit: it need not convert
    runs = {
        "ours": lambda: _ours(network, split),
        "fit": lambda: _fit(network, x, split.y, jit_compile=False),
        "xla": lambda: _fit(network, x, split.y, jit_compile="auto"),
    }
    rates: dict[str, list[float]] = {key: [] for key in runs}
    overheads: dict[str, list[float]] = {key: [] for key in runs}
    for _ in range(pairs):
        for key, run in runs.items():
            seconds, overhead = run()
            rates[key].append(len(split.y) / seconds)
            overheads[key].append(overhead)
            keras.backend.clear_session()
    times = statistics.median(o / max(f, j) for o, f, j in zip(*rates.values(), strict=True))
    rate = {key: statistics.median(values) for key, values in rates.items()}
    over = {key: statistics.median(values) for key, values in overheads.items()}
    return (
        f"{name:11}  {cost.flops(network) / 1e6:6.1f}  {rate['ours']:6.0f}  {rate['fit']:6.0f}  "
        f"{rate['xla']:6.0f}  {times:5.2f}  {over['ours']:10.2f}  {over['fit']:7.2f}  "
        f"{over['xla']:7.2f}  {rate['ours'] * flops / 1e9:8.0f}"
    )


def _ours(network: Network, split: Split) -> tuple[float, float]:
    """Return the seconds of a warm epoch, and of everything before it."""
    started = time.perf_counter()
    on_device = to_device(split, scale_of(split.x))
    data = DeviceData(train=on_device, validation=on_device, copies=1, augment=Augment())
    history = fit.train(
        model.build(network, 0, portable=False),
        data,
        epochs=2,
        seed=0,
        batch_size=BATCH_SIZE,
        training=Training(jit_compile="off"),
        validate=False,
    )
    total = time.perf_counter() - started
    epoch = history.step_seconds * len(split.y) / BATCH_SIZE
    return epoch, total - history.train_seconds


def _fit(
    network: Network, x: np.ndarray, y: np.ndarray, *, jit_compile: bool | str
) -> tuple[float, float]:
    started = time.perf_counter()
    built = model.build(network, 0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    extra = {} if jit_compile == "auto" else {"jit_compile": jit_compile}
    built.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"], **extra)
    built.fit(x, y, batch_size=BATCH_SIZE, epochs=1, verbose=0)
    first = time.perf_counter() - started
    started = time.perf_counter()
    built.fit(x, y, batch_size=BATCH_SIZE, epochs=1, verbose=0)
    epoch = time.perf_counter() - started
    return epoch, first - epoch


def _images(network: Network, n: int) -> Split:
    rng = np.random.default_rng(0)
    classes = network.shapes[network.output][-1]
    return Split(
        rng.integers(0, 256, (n, *network.input_shape), np.uint8),
        rng.integers(0, classes, n).astype(np.int32),
    )


def _peak() -> float:
    """Return the flops per second of a large matrix product."""
    matrix = tf.random.stateless_normal([MATRIX, MATRIX], (0, 1))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(matrix, matrix)), autograph=False)
    float(product())
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        float(product())
        seconds.append(time.perf_counter() - started)
    return 2 * MATRIX**3 / min(seconds)
