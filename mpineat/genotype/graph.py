"""The graph that connection genes draw: order, reachability, validity.

All connections of a genome, disabled ones included, are acyclic, so enabling one can never close a
cycle. A node lies on a path from INPUT to OUTPUT exactly when it has an enabled connection in and
one out, for in an acyclic graph to walk on from any node ends at OUTPUT and to walk back ends at
INPUT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from mpineat.genotype.genes import INPUT, OUTPUT, Connection


def reaches(connections: Iterable[Connection], start: int, goal: int) -> bool:
    """Return whether a path leads from `start` to `goal`, over disabled connections too."""
    targets: defaultdict[int, list[int]] = defaultdict(list)
    for gene in connections:  # to unpack a named tuple takes longer
        targets[gene[1]].append(gene[2])
    waiting, seen = [start], {start}
    while waiting:
        node = waiting.pop()
        if node == goal:
            return True
        for target in targets.get(node, ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return False


def sources_by_target(connections: Iterable[Connection]) -> dict[int, list[int]]:
    """Return node -> its enabled sources, in an order in which nodes follow their sources.

    The sources ascend by node id, and the order is the same for equal graphs; INPUT is left out.
    A cycle's nodes are missing.
    """
    sources: dict[int, list[int]] = {}
    targets: dict[int, list[int]] = {}
    for _, source, target, enabled in connections:
        if enabled:
            sources.setdefault(target, []).append(source)
            targets.setdefault(source, []).append(target)
    missing = {node: len(found) for node, found in sources.items()}
    ordered: dict[int, list[int]] = {}
    ready = [INPUT]
    while ready:
        node = ready.pop()
        if node != INPUT:
            ordered[node] = sorted(sources[node])
        for target in sorted(targets.get(node, ()), reverse=True):
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return ordered


def all_on_paths(nodes: Iterable[int], connections: Iterable[Connection]) -> bool:
    """Return whether every node, with INPUT and OUTPUT, has the enabled connections it needs."""
    enabled = [gene for gene in connections if gene[3]]
    sources = {gene[1] for gene in enabled}
    targets = {gene[2] for gene in enabled}
    return (
        INPUT in sources and OUTPUT in targets and all(n in sources and n in targets for n in nodes)
    )


def removable(connections: Sequence[Connection]) -> list[int]:
    """Return the positions of the enabled connections that no node depends on."""
    sources = [gene[1] for gene in connections if gene[3]]
    targets = [gene[2] for gene in connections if gene[3]]
    return [
        i
        for i, gene in enumerate(connections)
        if gene[3] and sources.count(gene[1]) > 1 and targets.count(gene[2]) > 1
    ]


def problem(nodes: Sequence[int], connections: Sequence[Connection]) -> str | None:
    """Return what is wrong with a genome's graph in one sentence; None for a valid one."""
    known = {INPUT, OUTPUT, *nodes}
    if not nodes:
        return "it has no node"
    if len(known) != len(nodes) + 2 or list(nodes) != sorted(nodes):
        return f"its node ids {list(nodes)} do not ascend from 2"
    numbers = [gene.innovation for gene in connections]
    if numbers != sorted(set(numbers)):
        return f"its innovation numbers {numbers} do not ascend"
    pairs = [(gene.source, gene.target) for gene in connections]
    if len(set(pairs)) != len(pairs):
        return "two connections join the same nodes"
    for source, target in pairs:
        if source not in known or target not in known or source == OUTPUT or target == INPUT:
            return f"the connection {source} -> {target} is impossible"
    if not all_on_paths(nodes, connections):
        return "a node lies on no path from input to output"
    # With every connection enabled, an order of the nodes leaves out those on and behind a cycle.
    order = sources_by_target([gene._replace(enabled=True) for gene in connections])
    if len(order) < len({target for _, target in pairs}):
        return "its connections close a cycle"
    return None
