"""When which rank did what: the evaluations of a run laid along one axis of working time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mpineat.tasks import Outcome, stage_names

OTHER = "other"
PAUSE_SECONDS = 600.0  # every rank idle for so long: the job was not running


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage of an evaluation, in seconds of working time."""

    rank: int
    stage: str
    start: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """The working time of a run, pauses between its launches cut out.

    Attributes:
        stages: Names in the order in which an evaluation goes through them.
        cuts: Where a pause was cut out.
        seconds: Length of the axis.
        busy: Rank -> share of the axis that its evaluations fill.
        ends: Generation -> when its last evaluation ended.
    """

    bars: tuple[Bar, ...]
    stages: tuple[str, ...]
    cuts: tuple[float, ...]
    seconds: float
    busy: Mapping[int, float]
    ends: Mapping[int, float]

    @property
    def busy_share(self) -> float | None:
        """Of all ranks' time; None without an evaluation."""
        return sum(self.busy.values()) / len(self.busy) if self.busy else None


def timeline(
    outcomes: Iterable[Outcome],
    launches: Sequence[float] = (),
    generation_of: Mapping[int, int] | None = None,
) -> Timeline:
    """Lay out the evaluations that took a worker's time.

    Args:
        launches: Unix times; a pause ends where a launch begins.
        generation_of: Candidate id -> generation, for the generations' ends.
    """
    trained = sorted(
        (o for o in outcomes if o.reused_from is None and o.started > 0 and o.seconds.total > 0),
        key=lambda o: o.started,
    )
    if not trained:
        return Timeline((), (), (), 0.0, {}, {})
    begins, shifts, end = _pauses(trained, sorted(launches))
    bars: list[Bar] = []
    busy: dict[int, float] = {}
    ends: dict[int, float] = {}
    for outcome in trained:
        start = outcome.started - shifts[bisect_right(begins, outcome.started) - 1]
        busy[outcome.rank] = busy.get(outcome.rank, 0.0) + outcome.seconds.total
        if generation_of is not None:
            generation = generation_of[outcome.candidate]
            ends[generation] = max(ends.get(generation, 0.0), start + outcome.seconds.total)
        for stage, seconds in stages(outcome).items():
            bars.append(Bar(outcome.rank, stage, start, seconds))
            start += seconds
    length = end - shifts[-1]
    return Timeline(
        bars=tuple(bars),
        stages=stage_names(trained),
        cuts=tuple(begin - shift for begin, shift in zip(begins[1:], shifts[1:], strict=True)),
        seconds=length,
        busy={rank: min(1.0, busy[rank] / length) for rank in sorted(busy)},
        ends=ends,
    )


def stages(outcome: Outcome) -> dict[str, float]:
    """Return the seconds of each stage that took any; "other" is what no stage accounts for."""
    seconds = dict(outcome.seconds.stages)
    seconds[OTHER] = outcome.seconds.total - sum(seconds.values())
    return {stage: value for stage, value in seconds.items() if value > 1e-3}


def _pauses(
    trained: Sequence[Outcome], launches: Sequence[float]
) -> tuple[list[float], list[float], float]:
    """Return where each stretch of work begins, how far it moves left, and when all ended."""
    first = trained[0].started
    known = [launch for launch in launches if launch <= first]
    start = known[-1] if known else first
    begins, shifts, end = [start], [start], first
    for outcome in trained:
        resumed = [launch for launch in launches if end < launch <= outcome.started]
        begin = resumed[-1] if resumed else outcome.started
        if resumed or outcome.started - end > PAUSE_SECONDS:
            begins.append(begin)
            shifts.append(shifts[-1] + begin - end)
        end = max(end, outcome.started + outcome.seconds.total)
    return begins, shifts, end
