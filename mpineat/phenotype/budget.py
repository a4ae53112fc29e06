"""How many channels each layer keeps when the whole network may cost no more than a budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mpineat.phenotype.channels import ChannelPlan, Mask

Floats = npt.NDArray[np.float64]

_HALVINGS = 60  # of a search interval
_SWEEPS = 40  # of the fixed-point iteration; each about halves the distance


def uniform(plan: ChannelPlan, target: float, *, multiple: int = 1) -> list[int]:
    """Return how many groups of each block stay when all are narrowed alike.

    Args:
        target: Share of the full cost.
        multiple: Prefer multiples of this; a block that is smaller stays as it is.
    """
    costs = _Costs(plan)
    counts = _search(costs, target, 0.0, 1.0, lambda scale: np.maximum(costs.sizes * scale, 1.0))
    return costs.whole(counts, target, multiple=multiple)


def allot(
    plan: ChannelPlan,
    importance: Floats,
    target: float,
    *,
    exponent: float = 1.0,
    min_width: float = 0.0,
    multiple: int = 1,
) -> list[int]:
    """Return how many groups of each block stay when the budget goes where it does most good.

    With r the share of its groups that a block keeps, the sum of importance * r^-exponent is
    minimised under the budget, so a block gives up the more, the more that saves and the less
    important it is. A large exponent is nearly `uniform`; a small one sacrifices dear blocks to
    cheap ones.

    Args:
        importance: [blocks], above 0; only the proportions matter.
        target: Share of the full cost. What min_width and protected layers hold may cost more.
        min_width: No block keeps less than this share of what `uniform` leaves it.
        multiple: Prefer multiples of this; a block that is smaller stays as it is.
    """
    costs = _Costs(plan)
    # Whole numbers, or rounding the widths at this bound up would break the budget.
    least = np.maximum(np.floor(min_width * np.array(uniform(plan, target))), 1.0)

    def at_price(log_price: float) -> Floats:
        # Where no bound holds, importance * r^-(exponent + 1) = price * d cost / d r. The slope
        # depends on the other blocks' widths, hence the iteration.
        counts = costs.sizes
        for _ in range(_SWEEPS):
            slopes = np.maximum(costs.slopes(counts) * costs.sizes, 1e-300)
            shares = (importance / slopes * np.exp(-log_price)) ** (1 / (exponent + 1))
            counts = np.sqrt(counts * np.clip(shares * costs.sizes, least, costs.sizes))
        return counts

    counts = _search(costs, target, 100.0, -100.0, at_price)
    return costs.whole(counts, target, least, multiple)


def ranked(plan: ChannelPlan, scores: Floats, target: float, *, min_width: float) -> Mask:
    """Drop the groups with the lowest scores, one after another, until the cost is at most
    `target` of the full one.

    Args:
        scores: [groups]
        min_width: As in `allot`.
    """
    least = [max(1, int(min_width * count)) for count in uniform(plan, target)]
    spared = strongest(plan, least, scores)
    order = np.argsort(scores, kind="stable")
    order = order[~spared[order]]
    limit = target * plan.full_cost()

    def without(count: int) -> Mask:
        alive = np.ones(plan.groups, dtype=bool)
        alive[order[:count]] = False
        return alive

    low, high = 0, len(order)  # the cost falls with every group that goes
    while low < high:
        middle = (low + high) // 2
        if plan.cost(without(middle)) <= limit:
            high = middle
        else:
            low = middle + 1
    return without(low)


def strongest(plan: ChannelPlan, counts: list[int], scores: Floats | None = None) -> Mask:
    """Keep so many groups of each block: those with the highest scores, or the first ones."""
    alive = np.zeros(plan.groups, dtype=bool)
    for block, count in zip(plan.blocks, counts, strict=True):
        order = (
            np.argsort(-scores[block.groups], kind="stable") if scores is not None else slice(None)
        )
        alive[block.groups[order][:count]] = True
    return alive


class _Costs:
    """The plan's cost as a function of fractional numbers of groups, block by block.

    Attributes:
        sizes: [blocks] groups of each block.
    """

    def __init__(self, plan: ChannelPlan) -> None:
        first = [int(block.groups[0]) for block in plan.blocks]  # a block's groups are alike
        self.sizes = np.array([len(block.groups) for block in plan.blocks], dtype=np.float64)
        self._plan = plan
        self._into = plan.incoming.times[:, first]
        self._out_of = plan.outgoing.times[:, first]

    def total(self, counts: Floats) -> float:
        inputs, outputs = self._widths(counts)
        return float(self._plan.coefficients @ (inputs * outputs))

    def slopes(self, counts: Floats) -> Floats:
        """Return the cost of one group more in each block."""
        inputs, outputs = self._widths(counts)
        c = self._plan.coefficients
        return np.asarray((c * outputs) @ self._into + (c * inputs) @ self._out_of)

    def whole(
        self, counts: Floats, target: float, least: Floats | float = 1.0, multiple: int = 1
    ) -> list[int]:
        """Round down to multiples, then give back, largest remainder first, within the budget."""
        least = np.minimum(np.ceil(least / multiple) * multiple, self.sizes)
        found = np.clip(np.floor(counts / multiple + 1e-6) * multiple, least, self.sizes)
        limit = target * self.total(self.sizes)
        for block in np.argsort(found - counts, kind="stable"):
            more = found.copy()
            more[block] = min(more[block] + multiple, self.sizes[block])
            if self.total(more) <= limit:
                found = more
        return [int(count) for count in found]

    def _widths(self, counts: Floats) -> tuple[Floats, Floats]:
        return (
            self._plan.incoming.kept + self._into @ counts,
            self._plan.outgoing.kept + self._out_of @ counts,
        )


def _search(
    costs: _Costs, target: float, low: float, high: float, counts_at: Callable[[float], Floats]
) -> Floats:
    """Return the dearest counts within the budget; the cost grows from `low` to `high`."""
    limit = target * costs.total(costs.sizes)
    if costs.total(counts_at(high)) <= limit:
        return counts_at(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if costs.total(counts_at(middle)) <= limit:
            low = middle
        else:
            high = middle
    return counts_at(low)
