"""Compressed widths back into the genotypes (thesis, section 3, algorithm 2).

The candidates are gone through in the order of falling fitness. A genome takes its new state
from the first of them that used it, and is marked; where one candidate holds several states of a
module, the one with the most flops counts. Nodes whose convolution vanished are taken out, and so
are a blueprint's nodes of whose module nothing is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from mpineat.genotype.genes import BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.structure import without_node
from mpineat.phenotype.cost import layer_flops
from mpineat.phenotype.narrow import EmptyLayer
from mpineat.phenotype.network import CONVOLUTIONS, Network

NodeT = TypeVar("NodeT", ModuleNode, BlueprintNode)


class Evaluated(Protocol):
    """What is needed of an Outcome."""

    @property
    def candidate(self) -> int:
        """Return the candidate's id."""

    @property
    def fitness(self) -> float | None:
        """Return what it is judged by; None for a failed candidate."""

    @property
    def metric(self) -> float | None:
        """Return the same where that is not the accuracy."""

    @property
    def network_before(self) -> Mapping[str, Any] | None:
        """Return Network JSON before compression."""

    @property
    def network_after(self) -> Mapping[str, Any] | None:
        """Return Network JSON after compression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """The genomes that changed, by id, and a sentence on what each took from whom."""

    modules: Mapping[int, Module]
    blueprints: Mapping[int, Blueprint]
    records: tuple[str, ...]


def write_back(
    candidates: Sequence[Candidate],
    outcomes: Sequence[Evaluated],
    *,
    empty_layer: EmptyLayer,
    module_innovations: Innovations,
    blueprint_innovations: Innovations,
) -> Inherited:
    """Write the compressed sizes of one generation into its genomes.

    Failed candidates teach nothing. A dense layer's units go into its blueprint, as a
    convolution's filters go into its module. A genome never loses its last node: where all would
    go, it stays as it was.

    Args:
        empty_layer: The policy that made layers vanish: behind "bypass" a vanished node's
            neighbours are connected.
        module_innovations, blueprint_innovations: Number those connections.
    """
    found = _WriteBack(empty_layer == "bypass", module_innovations, blueprint_innovations)
    by_id = {candidate.id: candidate for candidate in candidates}
    taught = [
        outcome
        for outcome in outcomes
        if outcome.fitness is not None and outcome.candidate in by_id
    ]
    for outcome in sorted(
        taught, key=lambda outcome: (-(outcome.fitness or 0.0), outcome.candidate)
    ):
        if outcome.network_before is not None and outcome.network_after is not None:
            before, after = (
                Network.from_json(outcome.network_before),
                Network.from_json(outcome.network_after),
            )
            named = "accuracy" if outcome.metric is None else "fitness"
            who = f"candidate {outcome.candidate} ({named} {outcome.fitness:.4f})"
            found.learn(by_id[outcome.candidate], _States(before, after), who)
    return Inherited(
        modules=found.modules, blueprints=found.blueprints, records=tuple(found.records)
    )


class _States:
    """What became of each layer of one network.

    Attributes:
        filters: (blueprint node, module, module node) -> filters before and left; 0 left where
            the convolution vanished.
        dense: Units left of each dense layer before the output, in order; 0 where it vanished.
    """

    def __init__(self, before: Network, after: Network) -> None:
        left = {layer.name: layer for layer in after.layers}
        self._flops: dict[tuple[int, int], int] = {}
        self.filters: dict[tuple[int, int, int], tuple[int, int]] = {}
        flops = layer_flops(after)
        for layer in before.layers:
            origin = layer.origin
            if layer.op in CONVOLUTIONS and origin is not None:
                width = left[layer.name].filters if layer.name in left else 0
                self.filters[origin.blueprint_node, origin.module, origin.module_node] = (
                    layer.filters or 0,
                    width or 0,
                )
                place = (origin.module, origin.blueprint_node)
                self._flops[place] = self._flops.get(place, 0) + flops.get(layer.name, 0)
        dense = [
            layer.name
            for layer in before.layers
            if layer.op == "dense" and layer.name != before.output
        ]
        self.dense = tuple((left[name].units or 0) if name in left else 0 for name in dense)

    def largest(self, module: Module) -> dict[int, int]:
        """Return the filters of the module's state with the most flops; {} where none is left.

        Behind reductions a layer has a multiple of its gene's filters; the gene loses the same
        share of them.
        """
        places = [
            place for place in self._flops if place[0] == module.id and self._flops[place] > 0
        ]
        if not places:
            return {}
        _, node = max(places, key=lambda place: (self._flops[place], -place[1]))
        filters = {}
        for gene in module.nodes:
            before, width = self.filters[node, module.id, gene.id]
            filters[gene.id] = max(round(gene.filters * width / before), min(width, 1))
        return filters

    def vanished(self, blueprint: Blueprint, modules: Mapping[int, Module]) -> list[int]:
        """Return the blueprint's nodes of whose module nothing is left."""
        return [
            node.id
            for node in blueprint.nodes
            if not self._flops.get((modules[node.species].id, node.id))
        ]


class _WriteBack:
    """The genomes that took their state already."""

    def __init__(
        self, bridge_all: bool, module_innovations: Innovations, blueprint_innovations: Innovations
    ) -> None:
        self._bridge_all = bridge_all
        self._innovations = module_innovations, blueprint_innovations
        self._marked_modules: set[int] = set()
        self._marked_blueprints: set[int] = set()
        self.modules: dict[int, Module] = {}
        self.blueprints: dict[int, Blueprint] = {}
        self.records: list[str] = []

    def learn(self, candidate: Candidate, states: _States, who: str) -> None:
        """Let the candidate's genomes that are not marked take their state from it."""
        modules = dict(candidate.modules)
        for module in modules.values():
            filters = states.largest(module)
            if module.id not in self._marked_modules and filters:
                self._marked_modules.add(module.id)
                self._module(module, filters, who)
        if candidate.blueprint.id not in self._marked_blueprints:
            self._marked_blueprints.add(candidate.blueprint.id)
            self._blueprint(
                candidate.blueprint,
                states.vanished(candidate.blueprint, modules),
                states.dense,
                who,
            )

    def _module(self, module: Module, filters: Mapping[int, int], who: str) -> None:
        gone = [node for node, width in filters.items() if width == 0]
        nodes, connections = self._without(
            module.nodes, module.connections, gone, self._innovations[0]
        )
        nodes = tuple(node._replace(filters=filters[node.id]) for node in nodes)
        if (nodes, connections) != (module.nodes, module.connections):
            self.modules[module.id] = module._replace(nodes=nodes, connections=connections)
            old = {node.id: node.filters for node in module.nodes}
            changes = [
                f"node {id} {old[id]} -> {width}"
                for id, width in filters.items()
                if width != old[id]
            ]
            self.records.append(
                f"module {module.id} took its filters from {who}: {', '.join(changes)}"
            )

    def _blueprint(
        self, blueprint: Blueprint, gone: list[int], dense: tuple[int, ...], who: str
    ) -> None:
        if len(gone) == len(blueprint.nodes):
            self.records.append(
                f"blueprint {blueprint.id} keeps its nodes, though {who} lost all of their layers"
            )
            gone = []
        nodes, connections = self._without(
            blueprint.nodes, blueprint.connections, gone, self._innovations[1]
        )
        # The number of dense layers is the search space's, so one that vanished keeps its gene.
        units = tuple(new or old for new, old in zip(dense, blueprint.dense, strict=True))
        species = {node.species for node in nodes}
        retained = tuple(pair for pair in blueprint.retained if pair[0] in species)
        new = blueprint._replace(
            nodes=nodes, connections=connections, dense=units, retained=retained
        )
        if new != blueprint:
            self.blueprints[blueprint.id] = new
            changes = [f"node {id} vanished" for id in gone]
            changes += [
                f"dense {a} -> {b}" for a, b in zip(blueprint.dense, units, strict=True) if a != b
            ]
            self.records.append(
                f"blueprint {blueprint.id} took its state from {who}: {', '.join(changes)}"
            )

    def _without(
        self,
        nodes: tuple[NodeT, ...],
        connections: tuple[Connection, ...],
        gone: Sequence[int],
        innovations: Innovations,
    ) -> tuple[tuple[NodeT, ...], tuple[Connection, ...]]:
        for id in gone:
            nodes, connections = without_node(
                nodes, connections, innovations, id, bridge_all=self._bridge_all
            )
        return nodes, connections
