"""Overviews of the same run at earlier moments."""

from __future__ import annotations

from dataclasses import replace

from mpineat.report.overview import Overview
from mpineat.store.now import Now, Running


def earlier(finished: Overview, status: str, *, generations: int, evaluated: int) -> Overview:
    """Return the run as it was with so many generations ended and outcomes of the next one."""
    ended = finished.run.generations[:generations]
    after = finished.run.generations[generations : generations + 1]
    outcomes = tuple(o for g in after for o in g.outcomes)[:evaluated]
    moment = Now(
        time=1000.0,
        generation=generations,
        evaluated=evaluated,
        queued=3,
        workers=1,
        running=(Running(rank=1, candidate=99, since=958.0, host="node7", device="GPU 0"),),
        seconds_left=61.0,
    )
    return replace(
        finished,
        run=replace(
            finished.run, generations=ended, outcomes=outcomes, final=None, final_outcomes=()
        ),
        finalists=(),
        status=status,
        rows=finished.rows[:generations],
        evaluated=outcomes,
        moment=moment if status == "running" else None,
    )
