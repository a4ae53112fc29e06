"""Overview: what status and page both say of a run, whether it runs, was stopped or has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Generic

from mpineat import store, units
from mpineat.config import Config
from mpineat.errors import InputError
from mpineat.evolution.state import State
from mpineat.genotype.genome import Candidate
from mpineat.log import generation_row
from mpineat.store import Generation, now, provenance
from mpineat.store.provenance import Launch
from mpineat.store.run import PastT
from mpineat.tasks import Outcome, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Generic[PastT]):
    """A run at one moment, its past as whole generations or as summaries.

    Attributes:
        status: "running", "stopped" (it can be resumed) or "finished".
        rows: Of the generations that ended.
        evaluated: Outcomes of the generation that has not ended.
        moment: What runs now; None unless it runs.
        seconds: Working time so far, pauses between launches left out.
    """

    run: store.Run[PastT]
    config: Config
    status: str
    rows: tuple[generation_row.Row, ...]
    evaluated: tuple[Outcome, ...]
    moment: now.Now | None
    workers: int
    seconds: float

    @property
    def totals(self) -> Totals:
        """Of all outcomes."""
        return sum((past.totals for past in self.run.generations), Totals.of(self.evaluated))

    @property
    def best(self) -> Outcome | None:
        """The winner so far."""
        return self.totals.best

    @property
    def outcomes(self: Overview[Generation]) -> tuple[Outcome, ...]:
        """All, in the order of the generations."""
        return tuple(o for g in self.run.generations for o in g.outcomes) + self.evaluated

    @property
    def states(self: Overview[Generation]) -> tuple[State, ...]:
        """Of the generations that ended."""
        return tuple(generation.state for generation in self.run.generations)

    @property
    def generation(self) -> int:
        """The one that has not ended; the planned number of generations when all have."""
        return self.rows[-1].generation + 1 if self.rows else 0

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the pace so far; None before the first outcome."""
        if self.moment is not None and self.moment.seconds_left is not None:
            return self.moment.seconds_left
        size = self.config.evolution.candidates
        done = sum(row.candidates for row in self.rows)
        here = len(self.evaluated)
        left = max(0, (self.config.evolution.generations - self.generation) * size - here)
        return left * self.seconds / (done + here) if done + here and self.seconds else None

    @property
    def generation_of(self: Overview[Generation]) -> dict[int, int]:
        """Candidate id -> generation."""
        ended = {o.candidate: g.number for g in self.run.generations for o in g.outcomes}
        return ended | {o.candidate: self.generation for o in self.evaluated}

    def candidate(self: Overview[Generation], number: int) -> Candidate | None:
        """Return a candidate's genotype; None while its generation has not ended."""
        past = self.run.generations
        everyone = chain(self.run.candidates, *(g.candidates for g in reversed(past)))
        return next((one for one in everyone if one.id == number), None)

    def outcome(self: Overview[Generation], number: int | None) -> Outcome:
        """Return a candidate's outcome, the winner's when `number` is None.

        Raises:
            InputError: There is none with a trained network.
        """
        found = self.best if number is None else None
        if number is not None:
            found = next((o for o in self.outcomes if o.candidate == number), None)
        where = f"{self.run.path}: "
        if found is None:
            missing = "no candidate has been trained yet" if number is None else "no such candidate"
            raise InputError(
                where + missing + f"; mpineat status {self.run.path} shows what there is"
            )
        if found.network_after is None or found.status != "ok":
            raise InputError(f"{where}candidate {number} failed: {found.reason}: {found.detail}")
        return found


def overview(run_dir: Path) -> Overview[Generation]:
    """Read a run, and all that is known of it, without touching it.

    Raises:
        InputError: No run was ever started there, or nothing says what its configuration was.
    """
    return look(run_dir, store.read)


def look(run_dir: Path, read: Callable[[Path], PastT]) -> Overview[PastT]:
    """Read a run without touching it, its generations' files by `read`.

    Raises:
        InputError: No run was ever started there, or nothing says what its configuration was.
    """
    run = store.look(run_dir, read)
    config = run.config
    if config is None:
        raise InputError(f"{run_dir}: {'; '.join(run.problems)}")
    ended = tuple(
        generation_row.row(g.number, g.species, g.totals, g.seconds, run.workers)
        for g in run.generations
    )
    finished = bool(ended) and ended[-1].generation >= config.evolution.generations - 1
    status = "finished" if finished else "running" if run.owner is not None else "stopped"
    seconds = sum(generation.seconds for generation in run.generations)
    if not finished:
        seconds += _since_last_generation(run, status == "running")
    return Overview(
        run=run,
        config=config,
        status=status,
        rows=ended,
        evaluated=() if finished else run.outcomes,
        moment=now.read(run_dir) if status == "running" else None,
        workers=run.workers,
        seconds=seconds,
    )


def launch_times(launches: Iterable[Launch]) -> tuple[float, ...]:
    """Return when the run was launched each time, as Unix times."""
    return tuple(launch.started for launch in launches if launch.started is not None)


def _since_last_generation(run: store.Run[PastT], running: bool) -> float:
    """Return what the open generation has taken, as far as this launch or its outcomes show."""
    begins = list(launch_times(run.launches)[-1:])
    if (
        run.generations
        and (written := provenance.unix_time(run.generations[-1].created)) is not None
    ):
        begins.append(written)
    if not begins:
        return 0.0
    if running:
        return max(0.0, time.time() - max(begins))
    ends = [o.started + o.seconds.total for o in run.outcomes if o.reused_from is None]
    return max(0.0, max(ends, default=0.0) - max(begins))


def sentences(view: Overview[PastT]) -> tuple[str, str]:
    """Return the result in two sentences: what was found, and at what cost or how far it is."""
    totals = view.totals
    best, number, trained = totals.best, totals.number, totals.trained
    if best is None:
        found = (
            "No candidate has been trained yet."
            if not number
            else f"None of {units.plural(number, 'candidate')} could be trained."
        )
    else:
        verb = "reaches" if view.status == "finished" else "has reached so far"
        found = (
            f"The best of {units.plural(number, 'network')} {verb} a validation accuracy of "
            f"{units.accuracy(best.accuracy)} with {units.count(best.flops_after)} flops and "
            f"{units.count(best.parameters_after)} parameters"
        )
        if best.flops_before > best.flops_after > 0:
            kept = best.flops_after / best.flops_before
            found += (
                f", compressed to {units.share(kept)} of the {units.count(best.flops_before)}"
                " flops that it was assembled with"
            )
        found += "."
    cost = f"{units.plural(trained, 'training')} in {units.duration(view.seconds)}"
    crew = f" on {units.plural(view.workers, 'worker')}" if view.workers else ""
    where = (
        f"generation {view.generation} (the last is {view.config.evolution.generations - 1}), "
        f"{len(view.evaluated)} of {view.config.evolution.candidates} candidates evaluated"
    )
    if view.status == "finished":
        return found, f"The search took {cost}{crew}."
    if view.status == "stopped":
        return found, (
            f"The search was stopped after {cost}{crew}, in {where}; "
            "the same command with --resume continues it."
        )
    left = view.seconds_left
    ahead = "" if left is None else f"; about {units.duration(left)} are left"
    return found, f"The search is in {where}, after {cost}{crew}{ahead}."
