"""Overview: what status and page both say of a run, whether it runs, was stopped or has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Generic

from mpineat import finalists, metrics, objectives, screening, store, units
from mpineat.config import Config
from mpineat.errors import InputError
from mpineat.evolution.state import State
from mpineat.finalists import Finalist
from mpineat.genotype.genome import Candidate
from mpineat.log import generation_row
from mpineat.log.pace import Left
from mpineat.store import Generation, now, provenance
from mpineat.store.provenance import Launch
from mpineat.store.run import PastT
from mpineat.store.summary import Summary
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
        finalists: How the networks of the final stand, the best first; () before it.
    """

    run: store.Run[PastT]
    config: Config
    status: str
    rows: tuple[generation_row.Row, ...]
    evaluated: tuple[Outcome, ...]
    moment: now.Now | None
    workers: int
    seconds: float
    finalists: tuple[Finalist, ...] = ()

    @property
    def totals(self) -> Totals:
        """Of all outcomes of the search."""
        return sum((past.totals for past in self.run.generations), Totals.of(self.evaluated))

    @property
    def everything(self) -> Totals:
        """Of all outcomes, those of the final too."""
        return self.totals + Totals.of(self.final_outcomes)

    @property
    def won(self) -> Finalist | None:
        """The winner of the final; None before it has ended, and where it came to nothing."""
        first = next(iter(self.finalists), None)
        ended = self.run.final is not None and first is not None and first.mean is not None
        return first if ended else None

    @property
    def best(self) -> Outcome | None:
        """The winner: of the final once that has ended, till then of the search so far."""
        return self.totals.best if self.won is None else self.won.found

    @property
    def judged(self) -> int:
        """How many candidates of the generation that has not ended are more than screened."""
        return sum(outcome.status != "discarded" for outcome in self.evaluated)

    @property
    def final_outcomes(self) -> tuple[Outcome, ...]:
        """Of the final: of all of it or, while it goes on, those that its options ask for."""
        if self.run.final is not None:
            return self.run.final.outcomes
        asked = finalists.contexts(self.config)
        return tuple(o for o in self.run.final_outcomes if o.context in asked)

    @property
    def every_outcome(self: Overview[Generation]) -> tuple[Outcome, ...]:
        """Of the search and of its final."""
        return (*self.outcomes, *self.final_outcomes)

    @property
    def outcomes(self: Overview[Generation]) -> tuple[Outcome, ...]:
        """All of the search, in the order of the generations."""
        return tuple(o for g in self.run.generations for o in g.outcomes) + self.evaluated

    @property
    def front(self: Overview[Generation]) -> tuple[Outcome, ...]:
        """The trade-offs that none found is better than; () with one objective."""
        chosen = self.config.evolution.objectives
        return objectives.front(self.outcomes, chosen) if len(chosen) > 1 else ()

    @property
    def states(self: Overview[Generation]) -> tuple[State, ...]:
        """Of the generations that ended."""
        return tuple(generation.state for generation in self.run.generations)

    @property
    def generation(self) -> int:
        """The one that has not ended; the number of generations, which is the final's, at last."""
        return self.rows[-1].generation + 1 if self.rows else 0

    @property
    def left(self) -> Left | None:
        """Estimated; None before the first outcome."""
        if self.moment is not None and self.moment.seconds_left is not None:
            return Left(seconds=self.moment.seconds_left, at_least=self.moment.at_least)
        size = self.config.evolution.candidates
        work, first = screening.work(self.config), screening.epochs(self.config)
        done = work * sum(row.candidates for row in self.rows)
        here = (
            self.judged + (len(self.evaluated) - self.judged) * first / self.config.training.epochs
        )
        left = (self.config.evolution.generations - self.generation) * size * work - here
        left = max(0.0, left)
        final = self.config.final.candidates * self.config.final.seeds - len(self.final_outcomes)
        left += max(0, final) * finalists.epochs(self.config) / self.config.training.epochs
        if not (done + here and self.seconds):
            return None
        seconds = left * self.seconds / (done + here)
        return Left(seconds=seconds, at_least=not self.everything.trained)

    @property
    def generation_of(self: Overview[Generation]) -> dict[int, int]:
        """Candidate id -> generation."""
        ended = {o.candidate: g.number for g in self.run.generations for o in g.outcomes}
        running = (*self.evaluated, *self.final_outcomes)
        return ended | {o.candidate: self.generation for o in running}

    def candidate(self: Overview[Generation], number: int) -> Candidate | None:
        """Return a candidate's genotype; None while its generation has not ended."""
        past = (*self.run.generations, *([self.run.final] if self.run.final else []))
        everyone = chain(self.run.candidates, *(g.candidates for g in reversed(past)))
        return next((one for one in everyone if one.id == number), None)

    def outcome(self: Overview[Generation], number: int | None) -> Outcome:
        """Return a candidate's outcome, the winner's when `number` is None.

        Raises:
            InputError: There is none with a trained network.
        """
        found = self.best if number is None else None
        if number is not None:
            found = next((o for o in self.every_outcome if o.candidate == number), None)
        where = f"{self.run.path}: "
        if found is None:
            missing = "no candidate has been trained yet" if number is None else "no such candidate"
            raise InputError(
                where + missing + f"; mpineat status {self.run.path} shows what there is"
            )
        if found.network_after is None or found.status == "failed":
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
    searched = bool(ended) and ended[-1].generation >= config.evolution.generations - 1
    # Where nothing could be trained there is nobody to train again.
    ends = config.final.candidates == 0 or not any(row.best is not None for row in ended)
    finished = searched and (ends or run.final is not None)
    status = "finished" if finished else "running" if run.owner is not None else "stopped"
    seconds = sum(generation.seconds for generation in run.generations)
    seconds += run.final.seconds if run.final else 0.0
    if not finished:
        seconds += _since_last_generation(run, status == "running")
    view = Overview(
        run=run,
        config=config,
        status=status,
        rows=ended,
        evaluated=() if searched else run.outcomes,
        moment=now.read(run_dir) if status == "running" else None,
        workers=run.workers,
        seconds=seconds,
    )
    trained = view.final_outcomes
    networks = {outcome.network_hash for outcome in trained}
    found = [outcome for past in run.generations for outcome in past.outcomes_of(networks)]
    return replace(view, finalists=finalists.standing(found, trained))


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
    outcomes = (*run.outcomes, *run.final_outcomes)
    ends = [o.started + o.seconds.total for o in outcomes if o.reused_from is None]
    return max(0.0, max(ends, default=0.0) - max(begins))


def sentences(view: Overview[Generation] | Overview[Summary]) -> tuple[str, str]:
    """Return the result in two sentences: what was found, and at what cost or how far it is."""
    cost = f"{units.plural(view.everything.trained, 'training')} in {units.duration(view.seconds)}"
    crew = f" on {units.plural(view.workers, 'worker')}" if view.workers else ""
    evolution, final = view.config.evolution, view.config.final
    where = (
        f"generation {view.generation} (the last is {evolution.generations - 1}), "
        f"{view.judged} of {evolution.candidates} candidates evaluated"
    )
    if view.judged < len(view.evaluated):
        where += f", {len(view.evaluated) - view.judged} more screened"
    if view.generation >= evolution.generations:
        where = (
            f"its final, {len(view.final_outcomes)} of at most "
            f"{units.plural(final.candidates * final.seeds, 'training')} done"
        )
    if view.status == "finished":
        return _found(view), f"The search took {cost}{crew}."
    if view.status == "stopped":
        return _found(view), (
            f"The search was stopped after {cost}{crew}, in {where}; "
            "the same command with --resume continues it."
        )
    ahead = "" if view.left is None else f"; {view.left} are left"
    return _found(view), f"The search is in {where}, after {cost}{crew}{ahead}."


def _found(view: Overview[Generation] | Overview[Summary]) -> str:
    best, number, first = view.best, view.totals.number, view.won
    if best is None:
        if view.totals.discarded:
            screened = units.plural(number, "candidate")
            return f"None of the first {screened} has been trained in full yet."
        return (
            "No candidate has been trained yet."
            if not number
            else f"None of {units.plural(number, 'candidate')} could be trained."
        )
    measured = f"a validation {metrics.TITLES[view.config.training.metric]}"
    if first is not None:
        return (
            f"The best of {units.plural(number, 'network')} reaches {measured} of "
            f"{units.accuracy(first.mean)} at full width, the mean of "
            f"{units.plural(len(first.fitnesses), 'training')} in the final, with "
            f"{units.count(best.flops_before)} flops and {units.count(best.parameters_before)} "
            f"parameters; in the search it had {units.accuracy(best.fitness)}{_compressed(best)}."
        )
    verb = "reaches" if view.status == "finished" else "has reached so far"
    return (
        f"The best of {units.plural(number, 'network')} {verb} {measured} of "
        f"{units.accuracy(best.fitness)} with {units.count(best.flops_after)} flops and "
        f"{units.count(best.parameters_after)} parameters{_compressed(best)}."
    )


def _compressed(best: Outcome) -> str:
    if not best.flops_before > best.flops_after > 0:
        return ""
    kept = units.share(best.flops_after / best.flops_before)
    flops = units.count(best.flops_before)
    return f", compressed to {kept} of the {flops} flops that it was assembled with"
