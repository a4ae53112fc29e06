"""The settings of genes, drawn anew or varied, whole columns at a time.

A numeric setting is perturbed by Gaussian noise and clipped to its range, so it never wraps round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Mutation, SearchSpace
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import ModuleNode

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

ChoiceT = TypeVar("ChoiceT")

MOST_DROPOUT = 0.99  # a rate of 1 drops everything, and no framework accepts it


def random_node(id: int, space: SearchSpace, draws: Draws) -> ModuleNode:
    """Return a convolution with settings drawn from the search space."""
    low, high = space.dropout
    return ModuleNode(
        id,
        filters_at(draws.uniform(), space)
        if space.filters_scale == "geometric"
        else draws.between(space.filters),
        draws.choice(space.kernel_sizes),
        draws.choice(space.neighbours),
        min(low + draws.uniform() * (high - low), MOST_DROPOUT),
        one_of(space.convolutions, draws),
        one_of(space.activations, draws),
    )


def one_of(choices: Sequence[ChoiceT], draws: Draws) -> ChoiceT:
    """Return one of the choices; where there is one alone, no random number is used up."""
    return draws.choice(choices) if len(choices) > 1 else choices[0]


def filters_at(share: float, space: SearchSpace) -> int:
    """Return the filters that lie at this share of the way through their range."""
    low, high = space.filters
    if space.filters_scale == "geometric":
        return round(math.exp(math.log(low) + share * math.log(high / low)))
    return low + round(share * (high - low))


def shares_of_filters(filters: Integers, space: SearchSpace) -> Floats:
    """Return where in their range filters lie: 0 at its low end, 1 at its high one.

    Inheritance of compressed widths may have left the range.
    """
    low, high = space.filters
    if high == low:
        return np.zeros(len(filters))
    if space.filters_scale == "geometric":
        return np.asarray(np.log(filters / low) / np.log(high / low))
    return np.asarray((filters.astype(np.float64) - low) / (high - low))


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
    names: tuple[tuple[str, ...], ...] = (space.neighbours, space.convolutions, space.activations)
    codes, kinds, ends = ({name: code for code, name in enumerate(each)} for each in names)
    old = (
        np.array([node[1] for node in nodes], np.int64),
        np.array([node[2] for node in nodes], np.int64),
        np.array([codes[node[3]] for node in nodes], np.int64),
        np.array([node[4] for node in nodes], np.float64),
        np.array([kinds[node[5]] for node in nodes], np.int64),
        np.array([ends[node[6]] for node in nodes], np.int64),
    )
    kernels = np.array(space.kernel_sizes)
    redrawn = rng.random(len(nodes)) < rates.replace
    new = (
        vary_filters(old[0], space, rates, rng),
        np.where(redrawn, kernels[rng.integers(len(kernels), size=len(nodes))], old[1]),
        switch(old[2], len(space.neighbours), rates.switch_neighbour, rng),
        np.minimum(vary_reals(old[3], space.dropout, rates, rng), MOST_DROPOUT),
        switch(old[4], len(space.convolutions), rates.replace, rng),
        switch(old[5], len(space.activations), rates.replace, rng),
    )
    changed = np.flatnonzero(np.any([a != b for a, b in zip(old, new, strict=True)], axis=0))
    columns = [column[changed].tolist() for column in new]
    for place, filters, kernel, neighbour, rate, kind, end in zip(
        changed.tolist(), *columns, strict=True
    ):
        nodes[place] = ModuleNode(
            nodes[place][0],
            filters,
            kernel,
            space.neighbours[neighbour],
            rate,
            space.convolutions[kind],
            space.activations[end],
        )
    left = iter(nodes)
    return [tuple(islice(left, len(genome))) for genome in genomes]


def vary_filters(
    values: Integers, space: SearchSpace, rates: Mutation, rng: np.random.Generator
) -> Integers:
    """Return filters perturbed on their scale, by 1 at least, or replaced, or left."""
    if space.filters_scale == "linear":
        return vary_counts(values, space.filters, rates, rng)
    low, high = (float(np.log(end)) for end in space.filters)
    logs = np.log(values)
    varied = vary_reals(logs, (low, high), rates, rng)
    found = np.rint(np.exp(varied)).astype(np.int64)
    moved = found + np.where(found == values, np.sign(varied - logs), 0).astype(np.int64)
    # Inherited filters may lie below the range.
    least, most = np.minimum(space.filters[0], values), np.maximum(space.filters[1], values)
    return np.asarray(np.clip(moved, least, most), np.int64)


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
