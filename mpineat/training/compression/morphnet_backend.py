"""Google's MorphNet library inside our training step: the original, and a cross-check of ours.

google-research/morph-net 0.2.1 (Apache-2.0) is written for TensorFlow 1 graphs. It works on the
graph of a traced step once the function that looks for variables in it leaves the tensors as they
are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from mpineat.errors import InputError
from mpineat.phenotype.network import DEPTHWISE, Network
from mpineat.training.compression.penalty import Penalty, differentiated


def require() -> None:
    """Find out before the first candidate whether the package is there.

    Raises:
        InputError: It is not installed.
    """
    _import()


def penalty(model: Any, network: Network, threshold: float, strength: float) -> Penalty:
    """Return strength * the library's flops term, found in the graph being traced, as a penalty.

    Args:
        model: The Keras model of `network`.
        threshold: Of a filter's norm.

    Raises:
        InputError: The package is not installed, or the network has batch normalisation or
            separable convolutions.
    """
    if any(layer.op == "conv2d_bn" for layer in network.layers):
        raise InputError(
            "compression.backend: morph_net cannot read Keras's batch normalisation; use native"
        )
    if any(layer.op == DEPTHWISE for layer in network.layers):
        raise InputError(
            "compression.backend: morph_net does not price depthwise convolutions as the budget "
            "does; use native"
        )
    _import()
    return differentiated(
        lambda: strength * regularizer(model, network, threshold).get_regularization_term()
    )


def regularizer(model: Any, network: Network, threshold: float) -> Any:
    """Return the library's flops regulariser of the graph being traced, the output layer spared."""
    library, unconverted = _import()
    with unconverted():
        # Dropout off: the term depends on the weights alone, and the library cannot read its ops.
        images = tf.zeros([1, *network.input_shape])
        logits = model(images, training=False)
        return library.GroupLassoFlopsRegularizer(
            output_boundary=[logits.op],
            threshold=threshold,
            input_boundary=[images.op],
            regularizer_blacklist=[f"(^|/){network.output}(_[0-9]+)?/"],
        )


def _import() -> tuple[Any, Callable[[], Any]]:
    try:
        from morph_net.framework import tpu_util
        from morph_net.network_regularizers import flop_regularizer
    except ImportError as error:
        raise InputError(
            "compression.backend: morph_net needs Google's package "
            "(pip install git+https://github.com/google-research/morph-net); "
            f"importing it failed: {error}"
        ) from error

    @contextmanager
    def unconverted() -> Iterator[None]:
        original = tpu_util.maybe_convert_to_variable
        tpu_util.maybe_convert_to_variable = lambda tensor: tensor
        try:
            yield
        finally:
            tpu_util.maybe_convert_to_variable = original

    return flop_regularizer, unconverted
