"""The settings of genes, drawn anew or varied, whole columns at a time.

A numeric setting is perturbed by Gaussian noise and clipped to its range, so it never wraps round.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Mutation, SearchSpace
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import ModuleNode

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

MOST_DROPOUT = 0.99  # a rate of 1 drops everything, and no framework accepts it


def random_node(id: int, space: SearchSpace, draws: Draws) -> ModuleNode:
    """Return a convolution with settings drawn from the search space."""
    low, high = space.dropout
    return ModuleNode(
        id,
        draws.between(space.filters),
        draws.choice(space.kernel_sizes),
        draws.choice(space.neighbours),
        min(low + draws.uniform() * (high - low), MOST_DROPOUT),
    )


def vary_nodes(
    genomes: Sequence[tuple[ModuleNode, ...]],
    space: SearchSpace,
    rates: Mutation,
    rng: np.random.Generator,
) -> list[tuple[ModuleNode, ...]]:
    """Return the nodes of many modules, each setting perturbed, replaced or left, by chance.

    Unchanged nodes share their memory with the old ones.
    """
    nodes = list(chain.from_iterable(genomes))
    codes: dict[str, int] = {name: code for code, name in enumerate(space.neighbours)}
    old = (
        np.array([node[1] for node in nodes], np.int64),
        np.array([node[2] for node in nodes], np.int64),
        np.array([codes[node[3]] for node in nodes], np.int64),
        np.array([node[4] for node in nodes], np.float64),
    )
    kernels = np.array(space.kernel_sizes)
    redrawn = rng.random(len(nodes)) < rates.replace
    new = (
        vary_counts(old[0], space.filters, rates, rng),
        np.where(redrawn, kernels[rng.integers(len(kernels), size=len(nodes))], old[1]),
        switch(old[2], len(space.neighbours), rates.switch_neighbour, rng),
        np.minimum(vary_reals(old[3], space.dropout, rates, rng), MOST_DROPOUT),
    )
    changed = np.flatnonzero(np.any([a != b for a, b in zip(old, new, strict=True)], axis=0))
    columns = [column[changed].tolist() for column in new]
    for place, filters, kernel, neighbour, rate in zip(changed.tolist(), *columns, strict=True):
        name = space.neighbours[neighbour]
        nodes[place] = ModuleNode(nodes[place][0], filters, kernel, name, rate)
    left = iter(nodes)
    return [tuple(islice(left, len(genome))) for genome in genomes]


def vary_counts(
    values: Integers, bounds: tuple[int, int], rates: Mutation, rng: np.random.Generator
) -> Integers:
    """Return whole numbers perturbed, by 1 at least, or replaced, or left."""
    low, high = bounds
    noise = rng.standard_normal(values.shape) * rates.perturb_scale * (high - low)
    # Noise that rounds to nothing would tie the rate of this mutation to the width of the range.
    steps = np.where(noise > 0, np.maximum(np.rint(noise), 1), np.minimum(np.rint(noise), -1))
    anew = rng.integers(low, high + 1, size=values.shape)
    varied = _vary(values, steps.astype(np.int64), anew, bounds, rates, rng)
    return np.asarray(varied, np.int64)


def vary_reals(
    values: Floats, bounds: tuple[float, float], rates: Mutation, rng: np.random.Generator
) -> Floats:
    """Return real numbers perturbed, replaced or left."""
    low, high = bounds
    noise = rng.standard_normal(values.shape) * rates.perturb_scale * (high - low)
    return _vary(values, noise, rng.uniform(low, high, values.shape), bounds, rates, rng)


def switch(codes: Integers, count: int, rate: float, rng: np.random.Generator) -> Integers:
    """Return codes in 0 ... count - 1, each changed to another one at `rate`."""
    if count < 2:
        return codes
    changes = rng.random(codes.shape) < rate
    others = (codes + rng.integers(1, count, size=codes.shape)) % count
    return np.where(changes, others, codes)


def _vary(
    values: NDArray[Any],
    steps: NDArray[Any],
    anew: NDArray[Any],
    bounds: tuple[float, float],
    rates: Mutation,
    rng: np.random.Generator,
) -> NDArray[Any]:
    low, high = bounds
    # Inheritance of compressed widths may have left the range; noise alone must not undo that.
    perturbed = np.clip(values + steps, np.minimum(low, values), np.maximum(high, values))
    chance = rng.random(values.shape)
    replaced = chance < rates.replace
    moved = chance < rates.replace + (1 - rates.replace) * rates.perturb
    return np.where(replaced, anew, np.where(moved, perturbed, values))
