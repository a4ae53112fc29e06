"""What the charts of a report and the figures of an experiment share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

STYLE = Path(__file__).with_suffix(".mplstyle")


def pareto_front(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (cost, accuracy) points that no cheaper one equals, by rising cost."""
    front: list[tuple[float, float]] = []
    for cost, accuracy in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or accuracy > front[-1][1]:
            front.append((cost, accuracy))
    return front
