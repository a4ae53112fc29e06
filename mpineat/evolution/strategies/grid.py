"""Grid search: every combination of a few settings of one template (thesis, section 2.1.1).

The template is a chain of equal modules, each a convolution with or without a pooling, with or
without a shortcut round it. Beyond that a full grid has no chance in a space of graphs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Config, SearchSpace
from mpineat.evolution.architectures import ArchitectureSearch, Proposals
from mpineat.evolution.state import State
from mpineat.genotype.architecture import NEW, Architecture, edge
from mpineat.genotype.creation import NO_REDUCTION, stage_starts
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.hyperparameters import hyperparameters_at, ranges
from mpineat.genotype.settings import filters_at
from mpineat.units import share

GOLDEN = (math.sqrt(5) - 1) / 2  # of all steps round a circle this one spreads best, however far
PLAIN = "none"  # a module without a shortcut, or a convolution without a pooling


class GridSearch(ArchitectureSearch):
    """The strategy `grid`."""

    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return the points that come next in the grid's order."""
        return _Walk(Grid(config), int(state.memory.get("next_point", 0)))

    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return nobody: what was found out changes nothing."""
        return ()

    def explain(self, config: Config) -> Iterator[str]:
        """Say how large the grid is, and what part of it the budget tries."""
        grid = Grid(config)
        budget = config.evolution.generations * config.evolution.candidates
        axes = {name: len(values) for name, values in grid.axes.items() if len(values) > 1}
        sizes = " x ".join(f"{count} {name}" for name, count in axes.items())
        tried = min(budget, grid.size)
        again = "; then it begins anew" if budget > grid.size else ""
        yield f"grid          {grid.size:,} networks: {sizes}"
        yield f"              {tried:,} of them are tried ({share(tried / grid.size)}){again}"


class Grid:
    """The points, in an order whose every beginning is spread evenly over all of them.

    So a search that is prolonged goes on with points in between.

    Attributes:
        axes: Name -> the values along it; the last axis changes fastest.
    """

    def __init__(self, config: Config) -> None:
        """Lay out the axes."""
        self.config = config
        space, levels = config.search_space, config.evolution.grid.levels
        depth = min(config.evolution.grid.depth, space.max_blueprint_nodes)
        poolings: list[str] = [kind for kind in space.neighbours if kind != "dropout"]
        self.axes: Mapping[str, Sequence[Any]] = {
            "depths": range(1, depth + 1),
            "widths": _widths(space, levels),
            "kernels": sorted(space.kernel_sizes),
            "poolings": poolings or [PLAIN],
            "joins": (PLAIN, *space.joins),
            "dense": _levels(space.dense_units, levels) if space.dense_layers else (0,),
            "convolutions": space.convolutions,
            "activations": space.activations,
            "reductions": [kind for kind in space.reductions if kind != NO_REDUCTION]
            or [NO_REDUCTION],
        }
        self.size = math.prod(map(len, self.axes.values()))
        self._step = _coprime(round(self.size * GOLDEN), self.size)

    def point(self, turn: int) -> Architecture:
        """Return the architecture whose turn it is; after the last comes the first again."""
        left = turn * self._step % self.size
        values = []
        for axis in reversed(list(self.axes.values())):
            left, at = divmod(left, len(axis))
            values.append(axis[at])
        return self._architecture(*reversed(values))

    def _architecture(
        self,
        depth: int,
        width: int,
        kernel: int,
        pooling: str,
        join: str,
        units: int,
        convolution: str,
        activation: str,
        reduction: str,
    ) -> Architecture:
        space, evolution = self.config.search_space, self.config.evolution
        node = ModuleNode(
            OUTPUT + 1, width, kernel, pooling, space.dropout[0], convolution, activation
        )
        connections = _chain(1, space.max_module_nodes)
        if join != PLAIN:
            connections = (*connections, edge(INPUT, OUTPUT, space.max_module_nodes))
        module = Module(
            NEW, (node,), tuple(sorted(connections)), space.joins[0] if join == PLAIN else join
        )
        middle = [0.5] * len(ranges(evolution))
        starts = stage_starts(depth, space.initial_reductions[0])
        blueprint = Blueprint(
            NEW,
            tuple(
                [
                    BlueprintNode(OUTPUT + 1 + i, 0, reduction if i in starts else NO_REDUCTION)
                    for i in range(depth)
                ]
            ),
            _chain(depth, space.max_blueprint_nodes),
            (units,) * space.dense_layers,
            hyperparameters_at(middle, evolution) if evolution.evolve_training else None,
        )
        return Architecture(blueprint, ((0, module),))


class _Walk(Proposals):
    def __init__(self, grid: Grid, turn: int) -> None:
        self._grid, self._turn = grid, turn

    def draw(self) -> Architecture:
        self._turn += 1
        return self._grid.point(self._turn - 1)

    def take(self, candidate: Candidate) -> None:
        """Nothing depends on it."""

    def memory(self) -> Mapping[str, NDArray[Any]]:
        return {"next_point": np.array(self._turn)}


def _chain(length: int, most: int) -> tuple[Connection, ...]:
    order = (INPUT, *range(OUTPUT + 1, OUTPUT + 1 + length), OUTPUT)
    return tuple(sorted([edge(a, b, most) for a, b in pairwise(order)]))


def _widths(space: SearchSpace, count: int) -> Sequence[int]:
    return sorted({filters_at(share, space) for share in np.linspace(0, 1, count).tolist()})


def _levels(bounds: tuple[int, int], count: int) -> Sequence[int]:
    """Return so many different whole numbers, spread over the range, its ends among them."""
    return sorted({round(value) for value in np.linspace(*bounds, count).tolist()})


def _coprime(wanted: int, size: int) -> int:
    """Return the number nearest below `wanted` whose multiples reach all of `size`."""
    return next(step for step in range(max(wanted, 1), 0, -1) if math.gcd(step, size) == 1)
