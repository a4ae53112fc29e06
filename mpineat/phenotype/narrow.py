"""Alive filters to a narrower Network: widths, empty layers, rounding, widening.

Gordon et al. 2018, algorithm 1. Whatever changes a width here works on blocks of channels
(channels.py), so additions and concatenations still fit afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mpineat.phenotype import cost
from mpineat.phenotype.channels import ChannelPlan, Mask, plan_channels
from mpineat.phenotype.network import DEPTHWISE, INPUT, JOINS, Layer, Network, ShapeError

_FINEST_FACTOR = 1e-4  # no layer has so many filters that a finer one would change its width
EmptyLayer = Literal["keep_strongest", "bypass", "drop_branch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """A narrower network.

    Attributes:
        removed: Convolutions and dense layers that are gone.
        kept: Layer -> which output channels of the wider network it keeps, [width before]; layers
            that stay only.
    """

    network: Network
    removed: tuple[str, ...]
    kept: Mapping[str, Mask]


def keep_alive(
    network: Network,
    alive: Mapping[str, Mask | None],
    *,
    empty_layer: EmptyLayer = "keep_strongest",
    strength: Mapping[str, np.ndarray] | None = None,
    round_to: int = 1,
) -> Narrowed:
    """Return `network` with each layer narrowed to its alive filters.

    Args:
        alive: Layer -> which output channels live; None, or no entry, keeps all. Tied channels
            live if one of them does; what is tied to the network's input or output stays.
        empty_layer: What becomes of a layer without an alive filter. "keep_strongest" keeps one
            filter, "bypass" connects the layer's input to its consumers, "drop_branch" takes the
            branch out of the next add or concat. Where shapes do not allow one of the latter two,
            the strongest filter stays.
        strength: Layer -> norm of each filter, to find the strongest; without it the first one
            counts as such.
        round_to: Round the width up to a multiple of this, at most to the width before.

    Raises:
        ShapeError: `alive` names a layer that the network lacks, or has another length than its
            width.
    """
    plan = plan_channels(network)
    groups = _alive_groups(plan, alive)
    order = _order(plan, strength or {})
    empty = [name for name in plan.outputs if not plan.alive(name, groups).any()]
    for name in empty:
        if not plan.alive(name, groups).any():
            ids = plan.outputs[name]
            groups[ids[np.argmax(order[ids])]] = True
    for block in plan.blocks:
        _round_up(groups, block.groups, order, round_to)
    kept = {name: plan.alive(name, groups) for name in plan.outputs}
    narrow = with_widths(network, {name: int(mask.sum()) for name, mask in kept.items()})
    if empty_layer != "keep_strongest":
        take_out = _bypass if empty_layer == "bypass" else _drop_branch
        for name in empty:
            narrow = _attempt(take_out, narrow, name)
    left = {layer.name for layer in narrow.layers}
    return Narrowed(
        network=narrow,
        removed=tuple(name for name in plan.outputs if name not in left),
        kept={name: mask for name, mask in kept.items() if name in left},
    )


def with_widths(network: Network, widths: Mapping[str, int]) -> Network:
    """Return `network` with the given filters or units; layers without an entry keep theirs.

    Raises:
        ShapeError: The widths do not fit together.
    """
    return replace(
        network, layers=tuple(_resized(layer, widths.get(layer.name)) for layer in network.layers)
    )


def scale_widths(network: Network, factor: float) -> Network:
    """Return `network` with all widths multiplied alike and rounded, but for the two ends."""
    plan = plan_channels(network)
    counts = [max(1, round(len(block.groups) * factor)) for block in plan.blocks]
    return with_blocks(network, plan, counts)


def widened(network: Network, flops: float) -> Network:
    """Return `network` with all widths multiplied by the largest factor that costs at most `flops`.

    Gordon et al. 2018, algorithm 1, step 4: the uniform expansion to a budget. A network without a
    width of its own, all of whose layers are tied to its ends, stays as it is.
    """
    low, high = 1.0, 2.0
    if cost.flops(scale_widths(network, high)) == cost.flops(network):
        return network
    while cost.flops(scale_widths(network, high)) <= flops:
        low, high = high, 2 * high
    while high - low > _FINEST_FACTOR * low:
        middle = (low + high) / 2
        if cost.flops(scale_widths(network, middle)) <= flops:
            low = middle
        else:
            high = middle
    return scale_widths(network, low)


def with_blocks(network: Network, plan: ChannelPlan, counts: Sequence[int]) -> Network:
    """Return `network` with so many groups left (or made) of each block of its plan."""
    kept = plan.outgoing.kept[: len(plan.outputs)].tolist()
    widths = dict(zip(plan.outputs, kept, strict=True))
    for block, count in zip(plan.blocks, counts, strict=True):
        for name, times in block.layers.items():
            widths[name] += times * count
    return with_widths(network, widths)


def _alive_groups(plan: ChannelPlan, alive: Mapping[str, Mask | None]) -> Mask:
    decided = np.zeros(plan.groups + 1, dtype=bool)  # the last entry takes KEPT
    for name in alive:
        if name not in plan.outputs:
            raise ShapeError(
                f"alive: layer {name!r} is no convolution or dense layer of the network"
            )
    for name, ids in plan.outputs.items():
        mask = alive.get(name)
        if mask is None:
            decided[ids] = True
            continue
        if len(mask) != len(ids):
            raise ShapeError(
                f"alive: layer {name!r} has {len(ids)} output channels, found {len(mask)} entries"
            )
        decided[ids[np.asarray(mask, dtype=bool)]] = True
    return decided[:-1]


def _order(plan: ChannelPlan, strength: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the largest strength among each group's channels, [groups]."""
    largest = np.zeros(plan.groups + 1)
    for name, values in strength.items():
        if name in plan.outputs:
            np.maximum.at(largest, plan.outputs[name], values)
    return largest[:-1]


def _round_up(groups: Mask, block: np.ndarray, order: np.ndarray, multiple: int) -> None:
    count = int(groups[block].sum())
    wanted = min(len(block), -(-count // multiple) * multiple)
    dead = block[~groups[block]]
    strongest = dead[np.argsort(-order[dead], kind="stable")]
    groups[strongest[: wanted - count]] = True


def _resized(layer: Layer, width: int | None) -> Layer:
    if width is None or width == layer.width:
        return layer
    return replace(layer, units=width) if layer.op == "dense" else replace(layer, filters=width)


def _attempt(
    take_out: Callable[[Network, str], Network | None], network: Network, name: str
) -> Network:
    if all(layer.name != name for layer in network.layers):
        return network  # it went with a branch already
    try:
        return take_out(network, name) or network
    except ShapeError:
        return network


def _bypass(network: Network, name: str) -> Network:
    source = network[name].inputs[0]
    while source != INPUT and network[source].op == DEPTHWISE:  # it goes with its 1x1 convolution
        source = network[source].inputs[0]
    layers = [
        replace(layer, inputs=tuple(source if given == name else given for given in layer.inputs))
        for layer in network.layers
        if layer.name != name
    ]
    return _reachable(replace(network, layers=tuple(layers)))


def _drop_branch(network: Network, name: str) -> Network | None:
    """Return None where the branch is all there is."""
    gone = {name}
    renamed: dict[str, str] = {}
    layers = []
    for layer in network.layers:
        inputs = tuple(renamed.get(given, given) for given in layer.inputs if given not in gone)
        if layer.name == name or not inputs:
            gone.add(layer.name)
        elif layer.op in JOINS and len(inputs) == 1:
            renamed[layer.name] = inputs[0]
        else:
            layers.append(replace(layer, inputs=inputs))
    output = renamed.get(network.output, network.output)
    if output in gone:
        return None
    return _reachable(replace(network, layers=tuple(layers), output=output))


def _reachable(network: Network) -> Network:
    """Return `network` without the layers that its output does not depend on."""
    needed = {network.output}
    for layer in reversed(network.layers):
        if layer.name in needed:
            needed.update(layer.inputs)
    return replace(network, layers=tuple(layer for layer in network.layers if layer.name in needed))
