"""Which output channels of a network are tied to which: the plan behind MorphNet's groups.

Gordon et al. 2018, section 3: channels that an addition joins live and die together. Here every
channel of every convolution and dense layer gets the number of its group by union-find; concat
lists the groups of its inputs, flatten repeats them for every position, everything else passes
them through. A depthwise convolution does so too, but costs: for each alive channel what a layer
with one input, always alive, would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from mpineat.phenotype.network import CONVOLUTIONS, DEPTHWISE, INPUT, Layer, Network

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Mode = Literal["tracked", "reference"]
Target = Literal["flops", "model_size", "group_lasso"]

KEPT = -1  # the group of every channel that stays whatever happens


@dataclass(frozen=True, slots=True)
class Block:
    """Groups that the same layers have equally often, so that only their number matters.

    A layer outside every join is one block. Where a concat meets an add, the concat's parts are
    blocks of their own.

    Attributes:
        groups: Their numbers, ascending.
        layers: Layer -> output channels of it for each group of the block.
    """

    groups: Ids
    layers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Incidence:
    """How many channels each layer has of each group, on its input or its output side.

    Attributes:
        kept: [layers] channels that always stay.
        times: [layers, groups]
    """

    kept: Ids
    times: Ids

    def alive(self, groups: Mask) -> Ids:
        """Return the number of alive channels of each layer."""
        return self.kept + self.times @ groups.astype(np.int64)


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """The groups of a network's channels, and what each layer is charged for them.

    Attributes:
        groups: How many there are; numbers run from 0.
        outputs: Convolution or dense layer -> group of each output channel, or KEPT.
        protected: Layers whose width is not up for decision: they feed the output, or are not
            among the sources.
        coefficients: [layers] C of each layer, with cost = sum of C * alive inputs * alive outputs.
        incoming, outgoing: Channels by layer and group; layers in the order of `outputs`, behind
            them the depthwise convolutions.
        blocks: A partition of the groups.
    """

    groups: int
    outputs: Mapping[str, Ids]
    protected: frozenset[str]
    coefficients: Ids
    incoming: Incidence
    outgoing: Incidence
    blocks: tuple[Block, ...] = field(repr=False)

    def alive(self, layer: str, groups: Mask) -> Mask:
        """Return which output channels of `layer` are alive, given which groups are."""
        return np.append(groups, True)[self.outputs[layer]]  # KEPT, -1, reads the appended True

    def cost(self, groups: Mask) -> int:
        """Return the cost of the network of which only these groups are alive."""
        return int(self.coefficients @ (self.incoming.alive(groups) * self.outgoing.alive(groups)))

    def full_cost(self) -> int:
        """Return the cost of the whole network."""
        return self.cost(np.ones(self.groups, dtype=bool))


def coefficient(network: Network, layer: Layer, target: Target = "flops") -> int:
    """Return what one input channel of one output channel costs, in flops or weights."""
    if layer.op not in (*CONVOLUTIONS, DEPTHWISE):
        return 2 if target == "flops" else 1
    assert layer.kernel is not None
    taps = layer.kernel[0] * layer.kernel[1]
    height, width, _ = network.shapes[layer.name]
    return 2 * height * width * taps if target == "flops" else taps


def plan_channels(
    network: Network,
    mode: Mode = "tracked",
    *,
    target: Target = "flops",
    sources: frozenset[str] | None = None,
) -> ChannelPlan:
    """Find the groups of `network`'s channels.

    Args:
        mode: "reference" counts all inputs of a dense layer behind a flatten alive, as Google's
            library does; "tracked" follows them back to their filters.
        target: The resource that a layer is charged for; "group_lasso" counts weights.
        sources: Layers that may be narrowed; None for every convolution and dense layer. Whatever
            is tied to the network's input or output may not, in either case.
    """
    ties = _Ties()
    kept = ties.new(1)
    channels: dict[str, Ids] = {INPUT: np.repeat(kept, network.shapes[INPUT][-1])}
    weighted = [layer for layer in network.layers if layer.width is not None]
    for layer in network.layers:
        given = [channels[name] for name in layer.inputs]
        channels[layer.name] = given[0]
        if layer.width is not None:
            channels[layer.name] = ties.new(layer.width)
        elif layer.op == "concat":
            channels[layer.name] = np.concatenate(given)
        elif layer.op == "add":
            for other in given[1:]:
                ties.unite(given[0], other)
        elif layer.op == "flatten":
            size = network.shapes[layer.name][0]
            repeated = np.tile(given[0], size // len(given[0]))
            channels[layer.name] = repeated if mode == "tracked" else np.repeat(kept, size)
    output = {ties.root(slot) for slot in channels[network.output].tolist()}
    protected = frozenset(
        layer.name
        for layer in weighted
        if (sources is not None and layer.name not in sources)
        or output.issuperset(map(ties.root, channels[layer.name].tolist()))
    )
    for name in (*protected, network.output):
        ties.unite(channels[name], np.repeat(kept, len(channels[name])))

    groups, numbers = ties.numbered(kept[0])
    outputs = {layer.name: numbers[channels[layer.name]] for layer in weighted}
    depthwise = [layer for layer in network.layers if layer.op == DEPTHWISE]
    charged = [*weighted, *depthwise]
    sources_of = [channels[layer.inputs[0]] for layer in weighted] + [kept] * len(depthwise)
    outgoing = _incidence((numbers[channels[layer.name]] for layer in charged), groups)
    return ChannelPlan(
        groups=groups,
        outputs=outputs,
        protected=protected,
        coefficients=np.array(
            [coefficient(network, layer, target) for layer in charged], dtype=np.int64
        ),
        incoming=_incidence((numbers[ids] for ids in sources_of), groups),
        outgoing=outgoing,
        blocks=_blocks(tuple(outputs), outgoing.times[: len(outputs)]),
    )


def _incidence(sides: Iterable[Ids], groups: int) -> Incidence:
    # Shifted by one, so that KEPT counts in column 0.
    counts = np.array([np.bincount(ids + 1, minlength=groups + 1) for ids in sides], dtype=np.int64)
    counts = counts.reshape(-1, groups + 1)
    return Incidence(kept=counts[:, 0], times=counts[:, 1:])


def _blocks(names: tuple[str, ...], times: Ids) -> tuple[Block, ...]:
    members: dict[tuple[int, ...], list[int]] = {}
    for group, column in enumerate(times.T.tolist()):
        members.setdefault(tuple(column), []).append(group)
    return tuple(
        Block(
            np.array(groups, dtype=np.int64),
            {name: n for name, n in zip(names, column, strict=True) if n},
        )
        for column, groups in members.items()
    )


class _Ties:
    """Union-find over channel slots."""

    def __init__(self) -> None:
        self._parent: list[int] = []

    def new(self, count: int) -> Ids:
        """Add `count` slots that are tied to nothing."""
        start = len(self._parent)
        self._parent.extend(range(start, start + count))
        return np.arange(start, start + count, dtype=np.int64)

    def unite(self, first: Ids, second: Ids) -> None:
        """Tie slot i of `first` to slot i of `second`."""
        for a, b in zip(first.tolist(), second.tolist(), strict=True):
            self._parent[self.root(a)] = self.root(b)

    def root(self, slot: int) -> int:
        """Return the slot that stands for all that `slot` is tied to."""
        parent = self._parent
        while parent[slot] != slot:
            parent[slot] = parent[parent[slot]]
            slot = parent[slot]
        return slot

    def numbered(self, kept: int) -> tuple[int, Ids]:
        """Return the number of groups, and each slot's group: KEPT where tied to `kept`."""
        roots = [self.root(slot) for slot in range(len(self._parent))]
        numbers = {self.root(kept): KEPT}
        for root in roots:
            numbers.setdefault(root, len(numbers) - 1)
        return len(numbers) - 1, np.array([numbers[root] for root in roots], dtype=np.int64)
