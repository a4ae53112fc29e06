"""What the regulariser adds to a training step, and to its tracing."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import Any

from mpineat.config import Config
from mpineat.phenotype.channels import plan_channels
from mpineat.phenotype.network import Network

REPEATS = 3


def overhead(
    networks: tuple[Network, ...], data: Any, config: Config, options: argparse.Namespace
) -> Iterator[str]:
    """Yield a line for each network; steps with and without the term alternate."""
    yield "network  layers  groups  step ms  with term ms    more  tracing of the term s"
    for index in range(options.first, options.first + options.networks):
        network = networks[index]
        plain, charged, tracing = [], [], []
        for _ in range(REPEATS):
            plain.append(_step(network, data, config, regularized=False)[0])
            with_term, seconds = _step(network, data, config, regularized=True)
            charged.append(with_term)
            tracing.append(seconds)
        before, after = min(plain), min(charged)
        yield (
            f"{index:7}  {len(network.layers):6}  {plan_channels(network).groups:6}"
            f"  {1000 * before:7.2f}  {1000 * after:12.2f}  {100 * (after / before - 1):+5.1f} %"
            f"  {statistics.median(tracing):21.3f}"
        )


def _step(network: Network, data: Any, config: Config, *, regularized: bool) -> tuple[float, float]:
    """Return the seconds of a warm step, and of tracing the term and its gradient."""
    import tensorflow as tf
    from tensorflow import keras

    from mpineat.training import fit, model
    from mpineat.training.morphnet import Regularizer

    built = model.build(network, 0)
    kernels = model.kernels(built, network)
    penalty, tracing = None, 0.0
    if regularized:
        plan = plan_channels(network)
        regularizer = Regularizer(plan, network)
        start = regularizer.norms(kernels).numpy()
        thresholds = regularizer.thresholds(start, 0.5, "relative_to_init")
        penalty = regularizer.penalty(kernels, thresholds, 1 / plan.full_cost())

        @tf.function(autograph=False)
        def gradient() -> Any:
            with tf.GradientTape() as tape:
                term = penalty()
            return tape.gradient(term, list(kernels.values()))

        begun = time.perf_counter()
        gradient.get_concrete_function()
        tracing = time.perf_counter() - begun
    history = fit.train(
        built,
        data,
        epochs=1.0,
        seed=0,
        batch_size=128,
        learning_rate=1e-3,
        training=config.training,
        penalty=penalty,
        validate=False,
    )
    keras.backend.clear_session()
    return history.step_seconds, tracing
