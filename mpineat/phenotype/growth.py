"""Whether a network computes what a smaller one does, and which of its weights make it do so.

Network morphism (Chen et al. 2016, Net2Net; Elsken et al. 2017): a layer may be wider, copies of
its channels sharing their outgoing weights; a new convolution may pass its input on; a new input of
a join may enter with the weight 0. Nothing else may differ. Layers are the same ones by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpineat.errors import Infeasible
from mpineat.phenotype.network import CONVOLUTIONS, DEPTHWISE, FIELDS, INPUT, Layer, Network

Ids = NDArray[np.int64]  # the channel of another tensor that each channel equals; -1 for none
Equal = Mapping[str, Ids]  # tensors of the smaller network -> the channels that hold theirs

NONE = -1
_OTHER_WIDTHS = ("filters", "units")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Where a layer's weights come from.

    Attributes:
        layer: Of the smaller network; None: it passes its input on.
        inputs: [input channels] of that layer, or of the input that is passed on.
        outputs: [width] the same for its output. NONE: weights of its own.
        drawn: Whether those are drawn; if not they are 0.
    """

    layer: str | None
    inputs: Ids
    outputs: Ids
    drawn: bool = False


def grown_from(parent: Network, child: Network) -> dict[str, Taken]:
    """Return, for each layer of `child` with weights, what it takes from `parent`.

    With these weights both compute the same, where nothing is dropped.

    Raises:
        Infeasible: "changes_function": no weights of the parent's make the child compute the same.
    """
    growth = _Growth(parent, child)
    for layer in child.layers:
        growth.follow(layer)
    end = growth.equal[child.output].get(parent.output)
    if end is None or len(end) != parent.shapes[parent.output][-1]:
        raise _changed(child[child.output])
    return growth.taken


class _Growth:
    """What is known of the child's tensors, layer by layer.

    Attributes:
        equal: Child's tensor -> those of the parent that it holds, all of their channels each.
        positive: Child's tensor -> whether it is never negative, so that a ReLU leaves it.
        repairs: 1x1 convolutions that widen an input of an addition; decided there.
    """

    def __init__(self, parent: Network, child: Network) -> None:
        self.parent, self.child = parent, child
        channels = np.arange(child.input_shape[-1])
        self.equal: dict[str, Equal] = {INPUT: {INPUT: channels}}
        self.positive = {INPUT: False}  # images are standardised
        self.taken: dict[str, Taken] = {}
        self.repairs: dict[str, Layer] = {}
        self._theirs = {layer.name: layer for layer in parent.layers}

    def follow(self, layer: Layer) -> None:
        """Find out what `layer` can compute."""
        source = layer.inputs[0]
        self.positive[layer.name] = all(self.positive.get(name, False) for name in layer.inputs)
        if _is_repair(layer):
            self.repairs[layer.name] = layer
        elif layer.op == DEPTHWISE:
            self.equal[layer.name] = self._depthwise(layer)
        elif layer.width is not None:
            known = self._theirs.get(layer.name)
            self.equal[layer.name] = self._new(layer) if known is None else self._same(layer, known)
            self.positive[layer.name] = layer.activation == "relu"
        elif layer.op == "add":
            self.equal[layer.name] = self._add(layer)
        elif layer.op == "concat":
            self.equal[layer.name] = self._concat(layer)
        else:
            # Outside of training a dropout does nothing.
            still = self.equal[source] if layer.op == "dropout" else {}
            self.equal[layer.name] = {**still, **dict(self._passed(layer))}

    def _same(self, layer: Layer, theirs: Layer) -> Equal:
        inputs = self.equal[layer.inputs[0]].get(theirs.inputs[0])
        width, before = layer.width or 0, theirs.width or 0
        if inputs is None or not _alike(layer, theirs, but=_OTHER_WIDTHS) or width < before:
            raise _changed(layer)
        outputs = np.arange(width) % before
        self.taken[layer.name] = Taken(layer=theirs.name, inputs=inputs, outputs=outputs)
        return {layer.name: outputs}

    def _new(self, layer: Layer) -> Equal:
        source = layer.inputs[0]
        channels, width = self.child.shapes[source][-1], layer.width or 0
        plain = layer.op in CONVOLUTIONS and layer.strides == (1, 1) and layer.padding == "same"
        passes = self.positive[source] and layer.activation == "relu"
        if not plain or not passes or width < channels:
            raise _changed(layer)
        more = np.full(width - channels, NONE)
        outputs = np.concatenate([np.arange(channels), more])
        self.taken[layer.name] = Taken(
            layer=None, inputs=np.arange(channels), outputs=outputs, drawn=True
        )
        return {name: np.concatenate([ids, more]) for name, ids in self.equal[source].items()}

    def _depthwise(self, layer: Layer) -> Equal:
        source, theirs = layer.inputs[0], self._theirs.get(layer.name)
        if theirs is None:
            if layer.strides != (1, 1):
                raise _changed(layer)
            every = np.arange(self.child.shapes[source][-1])
            self.taken[layer.name] = Taken(layer=None, inputs=every, outputs=every)
            return self.equal[source]
        ids = self.equal[source].get(theirs.inputs[0])
        if ids is None or not _alike(layer, theirs):
            raise _changed(layer)
        self.taken[layer.name] = Taken(layer=theirs.name, inputs=ids, outputs=ids, drawn=True)
        self.positive[layer.name] = False
        return {theirs.name: ids}

    def _passed(self, layer: Layer) -> Iterator[tuple[str, Ids]]:
        known = self.equal[layer.inputs[0]]
        for theirs in self.parent.layers:
            ids = known.get(theirs.inputs[0])
            if ids is None or not _alike(layer, theirs):
                continue
            if layer.op == "flatten":
                height, width, channels = self.parent.shapes[theirs.inputs[0]]
                places = np.arange(height * width)[:, None] * channels
                ids = np.where(ids == NONE, NONE, places + ids).ravel()
            yield theirs.name, ids

    def _concat(self, layer: Layer) -> Equal:
        begins = np.cumsum([0, *(self.child.shapes[name][-1] for name in layer.inputs)])
        whole = np.full(begins[-1], NONE)

        def put(place: int, ids: Ids, into: Ids, offset: int = 0) -> None:
            into[begins[place] : begins[place + 1]] = np.where(ids == NONE, NONE, ids + offset)

        found: dict[str, Ids] = {}
        for place, name in enumerate(layer.inputs):
            for tensor, ids in self.equal[name].items():
                put(place, ids, found.setdefault(tensor, whole.copy()))
        for theirs in self.parent.layers:
            if theirs.op != "concat":
                continue
            ids, left = whole.copy(), list(range(len(layer.inputs)))
            offset = 0
            for tensor in theirs.inputs:
                fits = [p for p in left if tensor in self.equal[layer.inputs[p]]]
                if not fits:
                    break
                left.remove(fits[0])
                put(fits[0], self.equal[layer.inputs[fits[0]]][tensor], ids, offset)
                offset += self.parent.shapes[tensor][-1]
            else:
                found[theirs.name] = ids
        return found

    def _add(self, layer: Layer) -> Equal:
        own = self._operands(layer, self.repairs)
        theirs = self._theirs.get(layer.name)
        found = self._new_sum(own) if theirs is None else self._same_sum(own, theirs)
        for source, repair in own:
            if repair is not None and repair.name not in self.taken:
                self.taken[repair.name] = Taken(
                    layer=None,
                    inputs=np.full(self.child.shapes[source][-1], NONE),
                    outputs=np.full(repair.width or 0, NONE),
                )
        self.positive[layer.name] &= all(repair is None for _, repair in own)
        return found

    def _new_sum(self, own: Sequence[tuple[str, Layer | None]]) -> Equal:
        """Return what stays where one input counts and the others are multiplied by 0."""
        direct = [source for source, repair in own if repair is None]
        return self.equal[direct[0]] if len(direct) == 1 else {}

    def _same_sum(self, own: Sequence[tuple[str, Layer | None]], theirs: Layer) -> Equal:
        if theirs.op != "add":
            return {}
        repairs = {layer.name: layer for layer in self.parent.layers if _is_repair(layer)}
        left = list(own)
        pairs: list[tuple[Ids, Layer | None, Layer | None]] = []
        for tensor, before in self._operands(theirs, repairs):
            fits = [
                (source, repair)
                for source, repair in left
                if tensor in self.equal[source] and (before is None or repair is not None)
            ]
            if not fits:
                return {}
            source, repair = min(fits, key=lambda fit: fit[1] is not None)
            left.remove((source, repair))
            pairs.append((self.equal[source][tensor], repair, before))
        direct = [ids for ids, repair, _ in pairs if repair is None]
        counted = any(repair is None for _, repair in left)
        if not direct or counted or any(not np.array_equal(ids, direct[0]) for ids in direct):
            return {}
        for ids, repair, before in pairs:
            if repair is not None:
                self.taken[repair.name] = Taken(
                    layer=None if before is None else before.name, inputs=ids, outputs=direct[0]
                )
        return {theirs.name: direct[0]}

    @staticmethod
    def _operands(layer: Layer, repairs: Mapping[str, Layer]) -> list[tuple[str, Layer | None]]:
        """Return what an addition adds, before it was widened, with what widens it."""
        found = [(name, repairs.get(name)) for name in layer.inputs]
        return [(name if repair is None else repair.inputs[0], repair) for name, repair in found]


def _is_repair(layer: Layer) -> bool:
    return layer.op in CONVOLUTIONS and layer.activation is None


def _alike(one: Layer, other: Layer, *, but: Sequence[str] = ()) -> bool:
    return one.op == other.op and all(
        getattr(one, name) == getattr(other, name) for name in FIELDS[one.op] if name not in but
    )


def _changed(layer: Layer) -> Infeasible:
    return Infeasible(
        "changes_function",
        f"layer {layer.name!r} cannot go on computing what it did in the smaller network",
    )
