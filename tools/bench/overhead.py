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
CALLS = 50


def overhead(
    networks: list[Network], data: Any, config: Config, options: argparse.Namespace
) -> Iterator[str]:
    """Yield a line for each network: the step without the term, and the term with its gradient.

    The term is timed by itself: as the difference of two steps it would drown in their noise.
    """
    yield "network  layers  groups  step ms  term ms    more  tracing of the term s"
    for index in range(options.first, options.first + options.networks):
        network = networks[index]
        step = min(_step(network, data, config) for _ in range(REPEATS))
        terms = [_term(network) for _ in range(REPEATS)]
        term = min(seconds for seconds, _ in terms)
        tracing = statistics.median(seconds for _, seconds in terms)
        yield (
            f"{index:7}  {len(network.layers):6}  {plan_channels(network).groups:6}"
            f"  {1000 * step:7.2f}  {1000 * term:7.3f}  {100 * term / step:+5.2f} %"
            f"  {tracing:21.3f}"
        )


def _step(network: Network, data: Any, config: Config) -> float:
    """Return the seconds of a warm step."""
    from tensorflow import keras

    from mpineat.training import fit, model

    history = fit.train(
        model.build(network, 0),
        data,
        epochs=1.0,
        seed=0,
        batch_size=128,
        training=config.training,
        validate=False,
    )
    keras.backend.clear_session()
    return history.step_seconds


def _term(network: Network) -> tuple[float, float]:
    """Return the seconds of one evaluation of the term and its gradient, and of tracing them."""
    import tensorflow as tf
    from tensorflow import keras

    from mpineat.training import model
    from mpineat.training.compression.regularizer import Regularizer

    kernels = model.kernels(model.build(network, 0), network)
    plan = plan_channels(network)
    regularizer = Regularizer(plan, network, "flops")
    start = regularizer.norms(kernels).numpy()
    thresholds = regularizer.thresholds(start, 0.5, "relative_to_init")
    penalty = regularizer.penalty(kernels, thresholds, 1 / plan.full_cost())

    @tf.function(autograph=False)
    def repeated(times: tf.Tensor) -> tf.Tensor:
        def once(done: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            term, slopes = penalty(list(kernels.values()))
            for kernel, slope in zip(kernels.values(), slopes, strict=True):
                if slope is not None:
                    kernel.assign_sub(slope)  # stands for its addition to the loss's gradient
            return done + 1, total + term

        return tf.while_loop(lambda done, _: done < times, once, (0, 0.0), parallel_iterations=1)

    begun = time.perf_counter()
    repeated.get_concrete_function(tf.TensorSpec([], tf.int32))
    tracing = time.perf_counter() - begun
    repeated(tf.constant(3))
    begun = time.perf_counter()
    float(repeated(tf.constant(CALLS))[1])
    seconds = (time.perf_counter() - begun) / CALLS
    keras.backend.clear_session()
    return seconds, tracing
