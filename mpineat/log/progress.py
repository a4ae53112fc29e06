"""The log of a run: first lines, a row a generation, a heartbeat, the end."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mpineat import finalists, tasks, units
from mpineat.config import Config
from mpineat.evolution.state import State
from mpineat.finalists import Finalist
from mpineat.log import first_lines, generation_row, last_lines
from mpineat.log.console import Console
from mpineat.log.pace import Left, Pace
from mpineat.store import now
from mpineat.tasks import Outcome, Totals

log = logging.getLogger("mpineat")

HEARTBEAT_SECONDS = 60.0
ROWS_A_HEADER = 20  # a reader in the middle of a long log wants the columns' names again


class Progress:
    """What rank 0 tells about its run while it goes on.

    The order of calls: launched; finished and beat in between; generation at each one's end; final
    and final_ended around the final; at last done or stopped.
    """

    def __init__(
        self,
        config: Config,
        run_dir: Path,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start the clock of this launch; `clock` returns Unix time, `console` may draw a bar."""
        self._console = console
        self._config, self._metric = config, config.training.metric
        self._run_dir = run_dir
        self._clock = clock
        self._launch = self._generation_start = self._last_line = clock()
        self._last_renewal = 0.0
        self._classes = 0
        self._workers = 1
        self._generation = 0
        self._size = config.evolution.candidates  # evaluations of the current generation
        self._evaluated = 0  # of those, earlier launches included
        self._screened = 0  # for their first epochs alone, so far
        self._reused = 0  # of these, what the next launch takes again from an equal network
        self._pace = Pace(config)
        self._ahead: Callable[[], now.Ahead | None] = lambda: None
        self._left: Left | None = None
        self._in_final = False
        self._busy_seconds = 0.0  # of the current generation, in this launch
        self._lines = 0
        self._best: Outcome | None = None
        self._totals: Counter[str] = Counter()

    def launched(
        self,
        *,
        config_name: str,
        ranks: int,
        workers: Sequence[now.Worker],
        dataset: str,
        classes: int,
        generation: int = 0,
        evaluated: Sequence[Outcome] = (),
        best: Outcome | None = None,
    ) -> None:
        """Write the first lines.

        Args:
            dataset: One line: name, shape, examples.
            generation: The one to be worked on, from 0.
            evaluated: Outcomes of that generation that an earlier launch left in the journal.
            best: The best outcome of earlier launches.
        """
        self._classes, self._workers = classes, max(1, len(workers))
        self._generation = generation
        self._screened = sum(outcome.status == "discarded" for outcome in evaluated)
        self._evaluated = len(evaluated) - self._screened
        self._best = tasks.best([*evaluated, *([best] if best else [])])
        lines = first_lines.lines(
            self._config,
            config_name=config_name,
            ranks=ranks,
            workers=workers,
            dataset=dataset,
            generation=generation,
            left=self._left_of_search(),
        )
        for line in lines:
            log.info("%s", line)
        log.info("run directory  %s", self._run_dir)
        if generation or evaluated:
            log.info(
                "resumed        in generation %d with %d of %d candidates evaluated before%s",
                generation,
                self._evaluated,
                self._size,
                self._also_screened,
            )
        self._last_line = self._clock()

    def finished(self, outcome: Outcome) -> None:
        """Count an outcome; shown at -v, the machine's failures always."""
        discarded = outcome.status == "discarded"
        self._screened += discarded
        self._evaluated += not discarded
        self._pace.finished(outcome, in_final=self._in_final)
        self._totals["failed"] += outcome.status == "failed"
        self._totals["reused"] += outcome.reused_from is not None
        self._reused += outcome.reused_from is not None
        self._totals["trained"] += outcome.status == "ok" and outcome.reused_from is None
        if outcome.reused_from is None:
            self._busy_seconds += outcome.seconds.total
        if not self._in_final:
            self._best = tasks.best([*([self._best] if self._best else []), outcome])
        level = logging.WARNING if outcome.fault == "machine" else logging.DEBUG
        log.log(level, "%s", generation_row.candidate_text(outcome, self._metric))

    def discarded(self, number: int) -> None:
        """Count candidates whose training does not go on."""
        self._evaluated += number
        self._screened -= number
        self._totals["discarded"] += number

    def beat(
        self,
        running: Sequence[now.Running],
        queued: int,
        ahead: Callable[[], now.Ahead | None] = lambda: None,
    ) -> None:
        """Move the bar and renew now.json; say what runs when nothing was said for a minute."""
        time, self._ahead = self._clock(), ahead
        due = time - self._last_line >= HEARTBEAT_SECONDS
        renews = time - self._last_renewal >= now.RENEW_SECONDS
        if due or renews:
            self._left = self._estimate()
        until = "" if self._left is None else f", {self._left} left"
        if self._console is not None:
            doing = f"{self._place}, {len(running)} running{until}"
            self._console.bar(self._evaluated, self._size, doing)
        if renews:
            self._renew(time, running, queued)
        if not due:
            return
        log.info(
            "%s: %d of %d evaluated%s%s, %d queued%s; running: %s",
            self._place,
            self._evaluated,
            self._size,
            self._also_screened,
            self._best_so_far,
            queued,
            until,
            generation_row.running_text(running, time),
        )
        self._last_line = time

    def generation(self, state: State, outcomes: Sequence[Outcome]) -> generation_row.Row:
        """Write the row of a finished generation and return it.

        Args:
            state: After `tell`.
            outcomes: All of this generation's, in candidate order.
        """
        time = self._clock()
        seconds = time - self._generation_start
        species = len(state.modules.species), len(state.blueprints.species)
        totals = Totals.of(outcomes)
        figures = replace(
            generation_row.row(state.generation, species, totals, seconds, self._workers),
            busy=min(1.0, self._busy_seconds / (seconds * self._workers)) if seconds > 0 else None,
        )
        self._generation, self._evaluated, self._reused = state.generation + 1, 0, 0
        self._screened = 0
        self._generation_start, self._busy_seconds = time, 0.0
        if self._lines % ROWS_A_HEADER == 0:
            log.info("%s", generation_row.HEADER)
        self._lines += 1
        left = self._estimate()
        seconds = left.seconds if left else 0.0
        log.info("%s", generation_row.row_text(figures, time - self._launch, seconds))
        for level, text in generation_row.explained(state, outcomes, self._classes, self._metric):
            log.log(level, "      %s", text)
        self._last_line = time
        return figures

    def final(self, known: Sequence[Outcome], trainings: int) -> None:
        """Say that the final of so many trainings begins, or goes on behind the `known` ones."""
        log.info("final: %s", finalists.described(self._config))
        if known:
            log.info("      %d of %d trainings are known from before", len(known), trainings)
        self._in_final = True
        self._evaluated, self._reused, self._size = len(known), 0, trainings

    def final_ended(self, standing: Sequence[Finalist]) -> None:
        """Say how the finalists did, the best first."""
        for finalist in standing:
            log.info("      %s", generation_row.finalist_text(finalist))
        self._in_final = True
        self._best = standing[0].found if standing[0].mean is not None else self._best

    def stopping(self, given: int, ended: int, seconds: float) -> None:
        """Say what the grace of a stop is spent on."""
        log.info("%s", last_lines.stopping(given, ended, seconds))

    def stopped(self, reason: str) -> None:
        """Say why the run stopped in time and how it is continued."""
        self._end()
        log.info(
            "stopped in time after %s: %s; %s has %d of %d candidates evaluated%s",
            units.duration(self._clock() - self._launch),
            reason,
            self._place,
            self._evaluated - self._reused,  # what a resume will count
            self._size,
            self._also_screened,
        )
        log.info(
            "everything finished is in %s; the same command with --resume continues it",
            self._run_dir,
        )

    @property
    def best(self) -> Outcome | None:
        """The best outcome of all launches; None while nothing could be trained."""
        return self._best

    def done(self) -> None:
        """Say what was found and where it lies."""
        self._end()
        for level, line in last_lines.lines(
            self._config,
            self._run_dir,
            seconds=self._clock() - self._launch,
            totals=self._totals,
            best=self._best,
            of_final=self._in_final,
        ):
            log.log(level, "%s", line)

    def _renew(self, time: float, running: Sequence[now.Running], queued: int) -> None:
        self._last_renewal = time
        moment = now.Now(
            time=time,
            generation=self._generation,
            evaluated=self._evaluated,
            queued=queued,
            workers=self._workers,
            running=tuple(running),
            seconds_left=self._left.seconds if self._left else None,
            at_least=self._left.at_least if self._left else False,
        )
        now.write(self._run_dir, moment)

    def _end(self) -> None:
        now.remove(self._run_dir)
        if self._console is not None:
            self._console.clear()

    @property
    def _place(self) -> str:
        return "the final" if self._in_final else f"generation {self._generation}"

    @property
    def _also_screened(self) -> str:
        return f", {self._screened} more screened" if self._screened else ""

    @property
    def _best_so_far(self) -> str:
        return f", best so far {units.accuracy(self._best.fitness)}" if self._best else ""

    def _left_of_search(self) -> int:
        evolution = self._config.evolution
        return max(
            0, (evolution.generations - self._generation) * evolution.candidates - self._evaluated
        )

    def _estimate(self) -> Left | None:
        known = self._clock() - self._launch, self._ahead(), self._workers
        here, screened = self._size - self._evaluated, self._screened
        if self._in_final:
            return self._pace.of_final(*known, open_=here)
        open_ = self._left_of_search()
        return self._pace.of_search(*known, open_=open_, screened=screened, here=here)
