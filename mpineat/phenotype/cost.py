"""What a Network costs: flops, parameters, memory; pure functions of its shapes.

Flops are those of one forward pass for one example, a multiply-add counts 2, and only convolutions
and dense layers count, as in Gordon et al. 2018: the rest is nothing beside them.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from mpineat.phenotype.network import CONVOLUTIONS, DEPTHWISE, Layer, Network

BYTES = 4  # of a float32
COPIES_OF_WEIGHTS = 4  # the weights, their gradients and Adam's two moments
COPIES_OF_MAPS = 2  # each layer's output and its gradient


class Cost(NamedTuple):
    """The costs of a layer or of a network."""

    flops: int
    parameters: int  # kernels, biases, batch normalisation's gamma and beta
    values: int  # numbers that the outputs hold, for one example


def flops(network: Network) -> int:
    """Return the flops of one forward pass for one example."""
    return total(network).flops


def parameters(network: Network) -> int:
    """Return the number of trainable parameters."""
    return total(network).parameters


def layer_flops(network: Network) -> dict[str, int]:
    """Return layer name -> flops; layers that cost nothing are listed too."""
    return {layer.name: _cost(layer, network).flops for layer in network.layers}


def memory_mb(network: Network, batch_size: int) -> float:
    """Return an estimate of a training step's memory in MiB: weights, optimizer, maps."""
    return training_memory_mb(total(network), batch_size)


def training_memory_mb(cost: Cost, batch_size: int) -> float:
    """Return memory_mb of a network that costs `cost`."""
    numbers = COPIES_OF_WEIGHTS * cost.parameters + COPIES_OF_MAPS * batch_size * cost.values
    return numbers * BYTES / 2**20


def total(network: Network) -> Cost:
    """Return the costs of all layers together."""
    flops = parameters = 0
    values = prod(network.input_shape)
    for layer in network.layers:
        cost = _cost(layer, network)
        flops += cost[0]
        parameters += cost[1]
        values += cost[2]
    return Cost(flops, parameters, values)


def _cost(layer: Layer, network: Network) -> Cost:
    shape = network.shapes[layer.name]
    values = prod(shape)
    if layer.op in CONVOLUTIONS:
        assert layer.kernel is not None
        assert layer.filters is not None
        per_filter = layer.kernel[0] * layer.kernel[1] * network.shapes[layer.inputs[0]][-1]
        # A bias per filter, or gamma and beta in its place.
        others = 2 if layer.op == "conv2d_bn" else 1
        return Cost(2 * values * per_filter, layer.filters * (per_filter + others), values)
    if layer.op == DEPTHWISE:
        assert layer.kernel is not None
        taps = layer.kernel[0] * layer.kernel[1]
        return Cost(2 * values * taps, shape[-1] * taps, values)
    if layer.op == "dense":
        assert layer.units is not None
        inputs = network.shapes[layer.inputs[0]][-1]
        return Cost(2 * inputs * layer.units, layer.units * (inputs + 1), values)
    return Cost(0, 0, values)
