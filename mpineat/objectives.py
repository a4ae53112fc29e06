"""Two objectives: fitness and a cost, compared by Pareto's dominance (NSGA-II, Deb et al. 2002).

A point is (fitness, cost): the one is to be high, the other low. Where there is no second
objective every cost is 0, and all of this falls back to the order by fitness.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from mpineat.tasks import Outcome, ranked

Point = tuple[float, float]


def ranks(points: Sequence[Point]) -> list[int]:
    """Return each point's Pareto rank: 0 for those that no other one dominates, and so on.

    In the order of falling fitness a point is dominated by a front exactly if one there so far
    costs no more, so each takes one bisection (Jensen 2003).
    """
    found: dict[Point, int] = {}
    cheapest: list[float] = []  # of each front so far, ascending
    for point in sorted(set(points), key=lambda point: (-point[0], point[1])):
        rank = bisect_right(cheapest, point[1])
        cheapest[rank : rank + 1] = [point[1]]
        found[point] = rank
    return [found[point] for point in points]


def crowding(front: Sequence[Point]) -> list[float]:
    """Return how far each point's neighbours on its front are apart, in shares of the front's span.

    The ends have nobody beyond them: infinite. Of equal points all but the first have 0.
    """
    along = sorted(set(front))
    left = dict.fromkeys(along, float("inf"))
    for before, point, after in zip(along, along[1:], along[2:], strict=False):
        left[point] = sum(
            abs(after[i] - before[i]) / span
            for i in (0, 1)
            if (span := abs(along[-1][i] - along[0][i])) > 0
        )
    return [left.pop(point, 0.0) for point in front]


def order(points: Sequence[Point]) -> list[int]:
    """Return the places of `points`, the best first: by rank, then the less crowded.

    Among equals the fitter comes first, then the one that stands first.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for place, rank in enumerate(ranks(points)):
        members[rank].append(place)
    found: list[int] = []
    for _, own in sorted(members.items()):
        apart = dict(zip(own, crowding([points[place] for place in own]), strict=True))
        found += sorted(own, key=lambda place: (-apart[place], -points[place][0], place))
    return found


def front_of(points: Iterable[Point]) -> list[Point]:
    """Return the points that no other one dominates, each once, the cheapest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point[1], -point[0])):
        if not found or point[0] > found[-1][0]:
            found.append(point)
    return found


def hypervolume(points: Iterable[Point], reference: Point) -> float:
    """Return the area that the points dominate, as far as a point that is worse than they are.

    Points that are not better than `reference` in both respects add nothing.
    """
    area, reached = 0.0, reference[0]
    for fitness, cost in front_of(points):
        if cost < reference[1] and fitness > reached:
            area += (fitness - reached) * (reference[1] - cost)
            reached = fitness
    return area


def cost(outcome: Outcome, objectives: Sequence[str]) -> int:
    """Return the second of evolution.objectives for the network as it was trained, or 0."""
    if len(objectives) == 1:
        return 0
    found: int = getattr(outcome, f"{objectives[1]}_after")
    return found


def best_first(outcomes: Iterable[Outcome], objectives: Sequence[str]) -> list[Outcome]:
    """Return the outcomes that did not fail: front after front, the ends of each first."""
    judged = ranked(outcomes)
    return [judged[place] for place in order(_points(judged, objectives))]


def front(outcomes: Iterable[Outcome], objectives: Sequence[str]) -> tuple[Outcome, ...]:
    """Return the best outcome of each different network on the front, the fittest first."""
    judged = ranked(outcomes)
    on = [o for o, rank in zip(judged, ranks(_points(judged, objectives)), strict=True) if not rank]
    first: dict[str, Outcome] = {}
    for outcome in on:
        first.setdefault(outcome.network_hash, outcome)
    return tuple(first.values())


def _points(outcomes: Iterable[Outcome], objectives: Sequence[str]) -> list[Point]:
    return [(o.fitness or 0.0, float(cost(o, objectives))) for o in outcomes]
