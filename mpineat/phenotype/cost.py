"""What a Network costs: flops, parameters, memory; pure functions of its shapes.

Flops are those of one forward pass for one example, a multiply-add counts 2, and only convolutions and dense
layers count, as in Gordon et al. 2018 (biases, activations, pooling and joins are nothing beside them).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from mpineat.phenotype.network import CONVOLUTIONS, Layer, Network

BYTES = 4  # of a float32
COPIES_OF_WEIGHTS = 4  # the weights, their gradients and Adam's two moments
COPIES_OF_MAPS = 2  # each layer's output and its gradient


def flops(network: Network) -> int:
    """Return the flops of one forward pass for one example."""
    return sum(cost for _, cost in _flops(network))


def layer_flops(network: Network) -> dict[str, int]:
    """Return layer name -> flops; layers that cost nothing are listed too."""
    return dict(_flops(network))


def parameters(network: Network) -> int:
    """Return the number of trainable parameters: kernels, biases, batch normalisation's gamma and beta."""
    return sum(count for _, count in _parameters(network))


def layer_parameters(network: Network) -> dict[str, int]:
    """Return layer name -> trainable parameters."""
    return dict(_parameters(network))


def memory_mb(network: Network, batch_size: int) -> float:
    """Return an estimate of a training step's memory in MiB: weights, optimizer, maps and their gradients."""
    maps = sum(map(prod, network.shapes.values()))
    values = COPIES_OF_WEIGHTS * parameters(network) + COPIES_OF_MAPS * batch_size * maps
    return values * BYTES / 2**20


def _flops(network: Network) -> Iterator[tuple[str, int]]:
    for layer in network.layers:
        positions = prod(network.shapes[layer.name][:-1])
        yield layer.name, 2 * positions * _kernel_size(layer, network)


def _parameters(network: Network) -> Iterator[tuple[str, int]]:
    for layer in network.layers:
        # A bias per filter, or gamma and beta in its place.
        per_filter = 2 if layer.op == "conv2d_bn" else 1
        yield layer.name, _kernel_size(layer, network) + per_filter * (layer.width or 0)


def _kernel_size(layer: Layer, network: Network) -> int:
    """Return the number of weights without biases."""
    if layer.op in CONVOLUTIONS:
        assert layer.kernel is not None and layer.filters is not None
        return prod(layer.kernel) * network.shapes[layer.inputs[0]][-1] * layer.filters
    if layer.op == "dense":
        assert layer.units is not None
        return network.shapes[layer.inputs[0]][-1] * layer.units
    return 0
