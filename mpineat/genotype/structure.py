"""The structural mutations of modules and blueprints (Stanley and Miikkulainen 2002).

Each takes a valid graph and returns a valid one, or raises Rejected; none touches its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import TypeAlias, TypeVar

from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection, ModuleNode
from mpineat.genotype.graph import reaches, removable
from mpineat.genotype.innovation import Innovations

NodeT = TypeVar("NodeT", ModuleNode, BlueprintNode)
Connections: TypeAlias = tuple[Connection, ...]


class Rejected(Exception):
    """A variation that this genome does not allow.

    Attributes:
        reason: "empty" (nothing would be left), "too_large" (the genome is full), "invalid" (no
            legal place).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def add_node(
    nodes: tuple[NodeT, ...],
    connections: Connections,
    innovations: Innovations,
    draws: Draws,
    new_node: Callable[[int], NodeT],
    most: int,
) -> tuple[tuple[NodeT, ...], Connections]:
    """Split an enabled connection: it is disabled, and two new ones lead to and from a new node."""
    if len(nodes) >= most:
        raise Rejected("too_large")
    enabled = [i for i, gene in enumerate(connections) if gene[3]]
    place = draws.choice(enabled)
    old = connections[place]
    node = innovations.split(old)
    if node in [gene[0] for gene in nodes]:  # split before in this generation, then enabled
        raise Rejected("invalid")
    new = (innovations.connect(old.source, node), innovations.connect(node, old.target))
    kept = list(connections)
    kept[place] = Connection(old.innovation, old.source, old.target, False)
    kept.extend(new)
    grown = list(nodes)
    grown.append(new_node(node))
    return _by_number(grown), _by_number(kept)


def remove_node(
    nodes: tuple[NodeT, ...], connections: Connections, innovations: Innovations, draws: Draws
) -> tuple[tuple[NodeT, ...], Connections]:
    """Take out a random node and bridge the neighbours that lost their only way on."""
    if len(nodes) < 2:
        raise Rejected("empty")
    return without_node(nodes, connections, innovations, draws.choice(nodes).id)


def without_node(
    nodes: tuple[NodeT, ...],
    connections: Connections,
    innovations: Innovations,
    gone: int,
    *,
    bridge_all: bool = False,
) -> tuple[tuple[NodeT, ...], Connections]:
    """Take out one of several nodes with its connections.

    Args:
        gone: The node's id.
        bridge_all: Connect each of its sources to each of its targets, not only those that lost
            their only way on.
    """
    kept: list[Connection] = []
    before: list[int] = []
    after: list[int] = []
    for gene in connections:
        if gene[1] != gone and gene[2] != gone:
            kept.append(gene)
        elif gene[3]:
            if gene[2] == gone:
                before.append(gene[1])
            else:
                after.append(gene[2])
    remaining = tuple([node for node in nodes if node[0] != gone])
    leaving = {gene[1] for gene in kept if gene[3]}
    entered = {gene[2] for gene in kept if gene[3]}
    bridges = {
        (p, s) for p in before for s in after if bridge_all or p not in leaving or s not in entered
    }
    if not bridges:
        return remaining, tuple(kept)
    for place, gene in enumerate(kept):
        if (gene[1], gene[2]) in bridges:
            bridges.discard((gene[1], gene[2]))
            kept[place] = gene._replace(enabled=True)
    kept.extend([innovations.connect(*pair) for pair in sorted(bridges)])
    return remaining, _by_number(kept)


def add_connection(
    ids: Sequence[int], connections: Connections, innovations: Innovations, draws: Draws
) -> Connections:
    """Connect two of the nodes `ids` that no gene connects yet, never closing a cycle."""
    taken = {(gene[1], gene[2]) for gene in connections}
    taken.update([(gene[2], gene[1]) for gene in connections], [(id, id) for id in ids])
    free = [pair for pair in product((INPUT, *ids), (*ids, OUTPUT)) if pair not in taken]
    while free:
        source, target = free.pop(draws.between((0, len(free) - 1)))
        # Nothing leads to INPUT, and from OUTPUT nothing leads on.
        if source == INPUT or target == OUTPUT or not reaches(connections, target, source):
            return _by_number([*connections, innovations.connect(source, target)])
    raise Rejected("invalid")


def remove_connection(connections: Connections, draws: Draws) -> Connections:
    """Take out a connection that is disabled or that no node depends on."""
    places = removable(connections) + [i for i, gene in enumerate(connections) if not gene[3]]
    if not places:
        raise Rejected("invalid")
    place = draws.choice(places)
    return connections[:place] + connections[place + 1 :]


def toggle_connection(connections: Connections, draws: Draws) -> Connections:
    """Enable a disabled connection, or disable one that no node depends on."""
    places = removable(connections) + [i for i, gene in enumerate(connections) if not gene[3]]
    if not places:
        raise Rejected("invalid")
    place = draws.choice(places)
    number, source, target, enabled = connections[place]
    toggled = Connection(number, source, target, not enabled)
    return (*connections[:place], toggled, *connections[place + 1 :])


GeneT = TypeVar("GeneT", ModuleNode, BlueprintNode, Connection)


def _by_number(genes: Sequence[GeneT]) -> tuple[GeneT, ...]:
    # The first field is the id or innovation number, unique in a genome, so no other field is ever
    # compared.
    return tuple(sorted(genes))
