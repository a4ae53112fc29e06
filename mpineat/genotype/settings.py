"""The settings of genes: drawn anew, perturbed, within the ranges of the search space.

A numeric setting is perturbed by Gaussian noise and clipped to its range, so it never wraps round.
"""

from __future__ import annotations

import math

from mpineat.config import Mutation, SearchSpace
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import ModuleNode

MOST_DROPOUT = 0.99  # a rate of 1 drops everything, and no framework accepts it


def random_node(id: int, space: SearchSpace, draws: Draws) -> ModuleNode:
    """Return a convolution with settings drawn from the search space."""
    return ModuleNode(
        id,
        draws.between(space.filters),
        draws.choice(space.kernel_sizes),
        draws.choice(space.neighbours),
        _random_rate(space, draws),
    )


def vary_node(node: ModuleNode, space: SearchSpace, rates: Mutation, draws: Draws) -> ModuleNode:
    """Return `node` with each setting perturbed, replaced or left, by chance."""
    uniform, replace, perturb = draws.uniform, rates.replace, rates.perturb
    id, filters, kernel, neighbour, rate = node
    chance = uniform()
    if chance < replace:
        filters = draws.between(space.filters)
    elif chance < replace + (1 - replace) * perturb:
        filters = perturb_count(filters, space.filters, rates.perturb_scale, draws)
    if uniform() < replace:
        kernel = draws.choice(space.kernel_sizes)
    if uniform() < rates.switch_neighbour:
        neighbour = _another(neighbour, space.neighbours, draws)
    if neighbour == "dropout":
        chance = uniform()
        if chance < replace:
            rate = _random_rate(space, draws)
        elif chance < replace + (1 - replace) * perturb:
            low, high = space.dropout
            rate = _clip(rate + draws.normal() * rates.perturb_scale * (high - low), low, high)
            rate = min(rate, MOST_DROPOUT)
    return ModuleNode(id, filters, kernel, neighbour, rate)


def vary_dense(units: int, space: SearchSpace, rates: Mutation, draws: Draws) -> int:
    """Return the units of a dense layer perturbed, replaced or left, by chance."""
    chance = draws.uniform()
    if chance < rates.replace:
        return draws.between(space.dense_units)
    if chance < rates.replace + (1 - rates.replace) * rates.perturb:
        return perturb_count(units, space.dense_units, rates.perturb_scale, draws)
    return units


def random_learning_rate(bounds: tuple[float, float], draws: Draws) -> float:
    """Return a learning rate, uniform on the log scale."""
    low, high = math.log(bounds[0]), math.log(bounds[1])
    return _clip(math.exp(low + draws.uniform() * (high - low)), *bounds)


def vary_learning_rate(
    value: float, bounds: tuple[float, float], rates: Mutation, draws: Draws
) -> float:
    """Return a learning rate perturbed on the log scale, replaced or left, by chance."""
    chance = draws.uniform()
    if chance < rates.replace:
        return random_learning_rate(bounds, draws)
    if chance < rates.replace + (1 - rates.replace) * rates.perturb:
        span = math.log(bounds[1] / bounds[0])
        return _clip(value * math.exp(draws.normal() * rates.perturb_scale * span), *bounds)
    return value


def perturb_count(value: int, bounds: tuple[int, int], scale: float, draws: Draws) -> int:
    """Return a whole number moved by Gaussian noise, by 1 at least where the range allows it."""
    low, high = bounds
    step = draws.normal() * scale * (high - low)
    # Noise that rounds to nothing would make the rate of this mutation depend on the width of the range.
    moved = value + (max(1, round(step)) if step > 0 else min(-1, round(step)))
    # Inheritance of compressed widths may have left the range; noise alone must not undo it.
    return min(max(moved, min(low, value)), max(high, value))


def _random_rate(space: SearchSpace, draws: Draws) -> float:
    low, high = space.dropout
    return min(low + draws.uniform() * (high - low), MOST_DROPOUT)


def _another(value: str, choices: tuple[str, ...], draws: Draws) -> str:
    others = [choice for choice in choices if choice != value]
    return draws.choice(others) if others else value


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
