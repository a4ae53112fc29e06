"""How far a run is, in full trainings, and how long the rest takes."""

from __future__ import annotations

from dataclasses import dataclass

from mpineat import finalists, screening, units
from mpineat.config import Config
from mpineat.store.now import Ahead
from mpineat.tasks import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An estimate; at_least: nothing is known of full trainings."""

    seconds: float
    at_least: bool

    def __str__(self) -> str:
        """Return "about 12:30"."""
        return f"{'at least' if self.at_least else 'about'} {units.duration(self.seconds)}"


class Pace:
    """Work that was done, and that is left, in multiples of a training of the search."""

    def __init__(self, config: Config) -> None:
        """Begin with nothing done."""
        self._config = config
        self._usual = screening.work(config)
        self._screen = screening.epochs(config) / config.training.epochs
        self._final = finalists.epochs(config) / config.training.epochs
        self._done = 0.0
        self._full = self._reused = self._ended = 0

    def finished(self, outcome: Outcome, *, in_final: bool) -> None:
        """Count what an evaluation of this launch took."""
        whole = self._final if in_final else 1.0
        self._done += self._screen if outcome.status == "discarded" else whole
        self._ended += 1
        self._reused += outcome.reused_from is not None
        self._full += outcome.status == "ok" and outcome.reused_from is None

    def of_search(
        self,
        spent: float,
        ahead: Ahead | None,
        workers: int,
        *,
        open_: int,
        screened: int,
        here: int,
    ) -> Left | None:
        """Estimate the time until the end of a search and of its final.

        Args:
            spent: Seconds of this launch.
            ahead: What the farm expects of its tasks; None while it cannot tell.
            open_: Candidates that are not evaluated.
            screened: How many of them were trained for their first epochs.
            here: How many of them are of the current generation.
        """
        final = self._config.final
        finals = self._final * final.candidates * final.seeds
        if ahead is None:
            rest = max(0.0, self._usual * open_ - self._screen * screened)
            return self._counted(spent, rest + finals)
        # Those here that no full training is asked for yet are screened, or have been.
        passing = self._config.evolution.screen_share if self._screen else 0.0
        new = 1 - self._reused / self._ended if self._ended else 1.0
        rest = passing * max(0, here - ahead.full) + new * self._usual * (open_ - here) + finals
        return _expected(ahead, rest, workers)

    def of_final(
        self, spent: float, ahead: Ahead | None, workers: int, *, open_: int
    ) -> Left | None:
        """Estimate the time until the end of a final of which `open_` trainings are left."""
        if ahead is None:
            return self._counted(spent, self._final * open_)
        return _expected(ahead, 0.0, workers)

    def _counted(self, spent: float, left: float) -> Left | None:
        if not self._done:
            return None
        return Left(seconds=left * spent / self._done, at_least=not self._full)


def _expected(ahead: Ahead, rest: float, workers: int) -> Left:
    """Add `rest` full trainings to what is at hand."""
    seconds = (ahead.seconds + rest * ahead.usual_seconds) / workers
    return Left(seconds=seconds, at_least=not ahead.sure)
