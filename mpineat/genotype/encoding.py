"""Encoding: an architecture as numbers at fixed positions, and back.

For methods that do not know graphs. A position is asked for only where it matters, and every
sequence of answers is a valid architecture: a node that no choice has connected is joined to its
neighbour or to the output, as Zoph and Le 2017 do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from mpineat.config import Config
from mpineat.genotype.architecture import NEW, Architecture, edge, place
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.hyperparameters import CHOICES, hyperparameters_at, ranges, scaled
from mpineat.genotype.settings import (
    MOST_DROPOUT,
    ChoiceT,
    Floats,
    Integers,
    filters_at,
    shares_of_filters,
)

CHAIN, SHORTCUT = 0.9, 0.1  # chances of connections, which give about as many as random search has


class Position(NamedTuple):
    """One number of the encoding.

    Attributes:
        at: Where it stands.
        name: For people: "module 0, node 2: filters".
        kind: "size" (of a graph), "gene" (a connection: 1 or 0), "kind" (one of several that have
            no order) or "number" (between 0 and 1).
        shares: How likely each choice is where nothing is known; empty for a number.
        levels: How many different values a number has; 0 for a continuum.
    """

    at: int
    name: str
    kind: str
    shares: tuple[float, ...] = ()
    levels: int = 0


class Choose(Protocol):
    """What decides: a model, a person, or an architecture that is there already."""

    def __call__(self, position: Position, allowed: int) -> float:
        """Return the number of one of the first `allowed` choices.

        At a number: a value between 0 and 1; `allowed` has no meaning there.
        """


class Encoding:
    """The positions of one search space.

    Attributes:
        positions: In the order in which `decode` asks for them.
    """

    def __init__(self, config: Config) -> None:
        """Lay out the positions."""
        self.config, self.space = config, config.search_space
        self.slots = config.evolution.module_species
        self.kernels = sorted(self.space.kernel_sizes)
        laid = [
            Position(at, name, kind, shares, levels)
            for at, (name, kind, shares, levels) in enumerate(self._layout())
        ]
        self.positions = tuple(laid)
        self._at = {position.name: position for position in laid}

    def decode(self, choose: Choose) -> Architecture:
        """Return the architecture of the answers that `choose` gives, position by position."""
        space = self.space
        ids, connections = self._graph("blueprint", space.max_blueprint_nodes, choose)
        used = 0
        nodes = []
        for id in ids:
            allowed = min(used + 1, self.slots)
            slot = self._choice(f"blueprint, node {id - 1}: module", allowed, choose)
            used = max(used, slot + 1)
            name = f"blueprint, node {id - 1}: reduction"
            reduction = self._one_of(name, space.reductions, choose)
            nodes.append(BlueprintNode(id, slot, reduction))
        low, high = space.dense_units
        dense = [
            low + round(self._number(f"dense {i}", choose) * (high - low))
            for i in range(space.dense_layers)
        ]
        training = None
        if self.config.evolution.evolve_training:
            settings = ranges(self.config.evolution)
            training = hyperparameters_at(
                [self._setting(name, choices, choose) for name, choices in settings.items()],
                self.config.evolution,
            )
        blueprint = Blueprint(NEW, tuple(nodes), connections, tuple(dense), training)
        return Architecture(blueprint, tuple([(i, self._module(i, choose)) for i in range(used)]))

    def encode(self, architecture: Architecture) -> Floats:
        """Return the value at every position, NaN where the architecture has nothing there."""
        values = np.full(len(self.positions), np.nan)
        for name, value in self._facts(architecture):
            values[self._at[name].at] = value
        return values

    def choices(self, architecture: Architecture) -> tuple[Floats, Integers]:
        """Return the answers that make the architecture, and at each position how many there were.

        Where there were none, 0, the value follows from others: a connection without which a node
        had none, say.
        """
        facts = dict(self._facts(architecture))
        answers = np.zeros(len(self.positions))
        counts = np.zeros(len(self.positions), np.int64)

        def choose(position: Position, allowed: int) -> float:
            counts[position.at] = allowed
            answers[position.at] = answer = facts.get(position.name, 0.0)
            return answer

        self.decode(choose)
        return answers, counts

    def _layout(self) -> Iterator[tuple[str, str, tuple[float, ...], int]]:
        space = self.space
        yield from _graph_layout("blueprint", space.max_blueprint_nodes)
        for node in range(1, space.max_blueprint_nodes + 1):
            yield f"blueprint, node {node}: module", "kind", _equal(self.slots), 0
            yield from _kind_layout(f"blueprint, node {node}: reduction", space.reductions)
        units = space.dense_units[1] - space.dense_units[0] + 1
        for i in range(space.dense_layers):
            yield f"dense {i}", "number", (), units
        if self.config.evolution.evolve_training:
            for name, range_ in ranges(self.config.evolution).items():
                choices = name in CHOICES
                yield name, *(("kind", _equal(len(range_)), 0) if choices else ("number", (), 0))
        for slot in range(self.slots):
            owner = f"module {slot}"
            yield from _graph_layout(owner, space.max_module_nodes)
            yield f"{owner}: join", "kind", _equal(len(space.joins)), 0
            for node in range(1, space.max_module_nodes + 1):
                own = f"{owner}, node {node}"
                yield f"{own}: filters", "number", (), space.filters[1] - space.filters[0] + 1
                yield f"{own}: kernel", "number", (), len(self.kernels)
                yield f"{own}: neighbour", "kind", _equal(len(space.neighbours)), 0
                yield f"{own}: rate", "number", (), 0
                yield from _kind_layout(f"{own}: convolution", space.convolutions)
                yield from _kind_layout(f"{own}: activation", space.activations)

    def _module(self, slot: int, choose: Choose) -> Module:
        space, owner = self.space, f"module {slot}"
        ids, connections = self._graph(owner, space.max_module_nodes, choose)
        join = space.joins[self._choice(f"{owner}: join", len(space.joins), choose)]
        nodes = []
        for id in ids:
            own = f"{owner}, node {id - 1}"
            filters = filters_at(self._number(f"{own}: filters", choose), space)
            rank = round(self._number(f"{own}: kernel", choose) * (len(self.kernels) - 1))
            code = self._choice(f"{own}: neighbour", len(space.neighbours), choose)
            least, most = space.dropout
            rate = least
            if space.neighbours[code] == "dropout":
                rate += self._number(f"{own}: rate", choose) * (most - least)
            nodes.append(
                ModuleNode(
                    id,
                    filters,
                    self.kernels[rank],
                    space.neighbours[code],
                    min(rate, MOST_DROPOUT),
                    self._one_of(f"{own}: convolution", space.convolutions, choose),
                    self._one_of(f"{own}: activation", space.activations, choose),
                )
            )
        return Module(NEW, tuple(nodes), connections, join)

    def _graph(self, owner: str, most: int, choose: Choose) -> tuple[range, tuple[Connection, ...]]:
        size = 1 + self._choice(f"{owner}: nodes", most, choose)
        ids = range(OUTPUT + 1, OUTPUT + 1 + size)
        order = (INPUT, *ids, OUTPUT)
        left: set[int] = set()  # nodes with a way on
        connections = []
        for end, target in enumerate(order[1:], 1):
            entered = False
            for start, source in enumerate(order[:end]):
                if target == OUTPUT:
                    forced = source != INPUT and source not in left
                else:
                    forced = start == end - 1 and not entered
                name = f"{owner}: {start}-{place(target, most)}"
                if forced or self._choice(name, 2, choose):
                    connections.append(edge(source, target, most))
                    left.add(source)
                    entered = True
        return ids, tuple(sorted(connections))

    def _facts(self, architecture: Architecture) -> Iterator[tuple[str, float]]:
        config, space = self.config, self.space
        blueprint = architecture.blueprint
        yield from _graph_facts("blueprint", blueprint, space.max_blueprint_nodes)
        for pointer in blueprint.nodes:
            yield f"blueprint, node {pointer.id - 1}: module", pointer.species
            if space.has_stages:
                code = space.reductions.index(pointer.reduction)
                yield f"blueprint, node {pointer.id - 1}: reduction", code
        for i, units in enumerate(blueprint.dense):
            yield f"dense {i}", _share(units, space.dense_units)
        if config.evolution.evolve_training:
            numbers, kinds = map(iter, scaled([blueprint.training], config))
            for name, range_ in ranges(config.evolution).items():
                [value] = next(kinds) if name in CHOICES else next(numbers)
                yield name, range_.index(value) if name in CHOICES else value
        for slot, module in architecture.modules:
            owner = f"module {slot}"
            yield from _graph_facts(owner, module, space.max_module_nodes)
            yield f"{owner}: join", space.joins.index(module.join)
            for node in module.nodes:
                own = f"{owner}, node {node.id - 1}"
                [share] = shares_of_filters(np.array([node.filters]), space).tolist()
                yield f"{own}: filters", share
                rank = self.kernels.index(node.kernel)
                yield f"{own}: kernel", _share(rank, (0, len(self.kernels) - 1))
                yield f"{own}: neighbour", space.neighbours.index(node.neighbour)
                if node.neighbour == "dropout":
                    yield f"{own}: rate", _share(node.rate, space.dropout)
                if len(space.convolutions) > 1:
                    yield f"{own}: convolution", space.convolutions.index(node.convolution)
                if len(space.activations) > 1:
                    yield f"{own}: activation", space.activations.index(node.activation)

    def _one_of(self, name: str, choices: Sequence[ChoiceT], choose: Choose) -> ChoiceT:
        # Settings of a single choice have no position.
        return choices[self._choice(name, len(choices), choose)] if len(choices) > 1 else choices[0]

    def _choice(self, name: str, allowed: int, choose: Choose) -> int:
        return int(choose(self._at[name], allowed)) if allowed > 1 else 0

    def _number(self, name: str, choose: Choose) -> float:
        position = self._at[name]
        return choose(position, 1) if position.levels != 1 else 0.0

    def _setting(self, name: str, range_: tuple[object, ...], choose: Choose) -> float:
        if name not in CHOICES:
            return self._number(name, choose)
        return (self._choice(name, len(range_), choose) + 0.5) / len(range_)


def _graph_layout(owner: str, most: int) -> Iterator[tuple[str, str, tuple[float, ...], int]]:
    yield f"{owner}: nodes", "size", _equal(most), 0
    for target in range(1, most + 2):
        for source in range(target):
            chance = CHAIN if source == target - 1 else SHORTCUT
            yield f"{owner}: {source}-{target}", "gene", (1 - chance, chance), 0


def _graph_facts(owner: str, genome: Blueprint | Module, most: int) -> Iterator[tuple[str, float]]:
    yield f"{owner}: nodes", len(genome.nodes) - 1
    for gene in genome.connections:
        yield f"{owner}: {place(gene.source, most)}-{place(gene.target, most)}", 1.0


def _kind_layout(
    name: str, choices: Sequence[str]
) -> Iterator[tuple[str, str, tuple[float, ...], int]]:
    if len(choices) > 1:
        yield name, "kind", _equal(len(choices)), 0


def _equal(count: int) -> tuple[float, ...]:
    return (1 / count,) * count


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return (value - low) / (high - low) if high > low else 0.0
