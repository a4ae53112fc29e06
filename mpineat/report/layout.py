"""Places for the nodes of an acyclic graph, in rows along its direction.

After Sugiyama, Tagawa and Toda 1981: rows by longest path, long edges split at every row that they
cross, crossings reduced by barycentres, then each node pulled towards its neighbours.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

NodeT = TypeVar("NodeT", bound=Hashable)
SWEEPS = 12
BEND_WIDTH = 0.25  # room of an edge that passes through a row, in widths of a node


@dataclass(frozen=True, slots=True)
class Layout(Generic[NodeT]):
    """Where each node goes.

    Attributes:
        places: Node -> (column, row); a column is one node wide, rows count from 0; centres.
        paths: Edge -> the points it runs through, both ends included.
        columns, rows: The extent.
    """

    places: Mapping[NodeT, tuple[float, int]]
    paths: Mapping[tuple[NodeT, NodeT], tuple[tuple[float, int], ...]]
    columns: float
    rows: int


def layered(
    nodes: Sequence[NodeT],
    edges: Sequence[tuple[NodeT, NodeT]],
    rows: Mapping[NodeT, int] | None = None,
) -> Layout[NodeT]:
    """Lay out `nodes`, given in an order in which every node follows its sources.

    Args:
        rows: Node -> row, where the rows mean something; by default the longest path decides.
    """
    rows = dict(rows) if rows is not None else _longest_paths(nodes, edges)
    order: dict[int, list[object]] = {}
    for node in nodes:
        order.setdefault(rows[node], []).append(node)
    chains: dict[tuple[NodeT, NodeT], list[object]] = {}
    above: dict[object, list[object]] = {}
    below: dict[object, list[object]] = {}
    for source, target in dict.fromkeys(edges):
        bends = [("bend", source, target, row) for row in range(rows[source] + 1, rows[target])]
        for bend in bends:
            order.setdefault(bend[3], []).append(bend)
        chain: list[object] = [source, *bends, target]
        chains[source, target] = chain
        for first, second in pairwise(chain):
            below.setdefault(first, []).append(second)
            above.setdefault(second, []).append(first)
    levels = [order.get(row, []) for row in range(max(order, default=-1) + 1)]
    _reduce_crossings(levels, above, below)
    known = set(nodes)
    width = {item: 1.0 if item in known else BEND_WIDTH for level in levels for item in level}
    x = _columns(levels, above, below, width)
    left = min((x[item] - width[item] / 2 for item in x), default=0.0)
    places = {node: (x[node] - left, rows[node]) for node in nodes}
    row_of = {item: row for row, level in enumerate(levels) for item in level}
    paths = {
        edge: tuple((x[item] - left, row_of[item]) for item in chain)
        for edge, chain in chains.items()
    }
    right = max((x[item] + width[item] / 2 for item in x), default=0.0)
    return Layout(places, paths, right - left, len(levels))


def _longest_paths(
    nodes: Sequence[NodeT], edges: Sequence[tuple[NodeT, NodeT]]
) -> dict[NodeT, int]:
    sources: dict[NodeT, list[NodeT]] = {node: [] for node in nodes}
    for source, target in edges:
        sources[target].append(source)
    rows: dict[NodeT, int] = {}
    for node in nodes:
        rows[node] = 1 + max((rows[source] for source in sources[node]), default=-1)
    return rows


def _reduce_crossings(
    levels: list[list[object]],
    above: Mapping[object, list[object]],
    below: Mapping[object, list[object]],
) -> None:
    """Sort each row by the mean position of its neighbours, downwards and upwards by turns."""
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for level in levels if sweep % 2 == 0 else reversed(levels):
            place = {item: i for other in levels for i, item in enumerate(other)}
            level.sort(key=lambda item: _mean(neighbours.get(item), place, place[item]))


def _columns(
    levels: list[list[object]],
    above: Mapping[object, list[object]],
    below: Mapping[object, list[object]],
    width: Mapping[object, float],
) -> dict[object, float]:
    """Pull each item towards the mean of its neighbours, keeping order and distance in its row."""
    x: dict[object, float] = {}
    for level in levels:
        total = sum(width[item] for item in level)
        edge = -total / 2
        for item in level:
            x[item] = edge + width[item] / 2
            edge += width[item]
    for sweep in range(2 * SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for level in levels if sweep % 2 == 0 else reversed(levels):
            wanted = [_mean(neighbours.get(item), x, x[item]) for item in level]
            for item, place in zip(level, _spread(level, wanted, width), strict=True):
                x[item] = place
    return x


def _spread(
    level: Sequence[object], wanted: Sequence[float], width: Mapping[object, float]
) -> list[float]:
    """Return places nearest to `wanted` (least squares) that keep the row's order and distances.

    Blocks of touching items move as one to their mean: the pool-adjacent-violators algorithm.
    """
    offset, offsets = 0.0, []
    for i, item in enumerate(level):
        if i:
            offset += (width[level[i - 1]] + width[item]) / 2
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []  # mean of (wanted - offset), number of items
    for place, at in zip(wanted, offsets, strict=True):
        mean, size = place - at, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        blocks.append((mean, size))
    bases = [mean for mean, size in blocks for _ in range(size)]
    return [base + at for base, at in zip(bases, offsets, strict=True)]


def _mean(
    neighbours: Sequence[object] | None, place: Mapping[object, float], default: float
) -> float:
    if not neighbours:
        return default
    return sum(place[item] for item in neighbours) / len(neighbours)
