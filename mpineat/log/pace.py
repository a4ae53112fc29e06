"""How far a run is, in full trainings, and how long the rest takes at the pace so far."""

from __future__ import annotations

from mpineat import finalists, screening
from mpineat.config import Config
from mpineat.tasks import Outcome


class Pace:
    """Work that was done, and that is left, in multiples of a training of the search."""

    def __init__(self, config: Config) -> None:
        """Begin with nothing done."""
        self._config = config
        self._usual = screening.work(config)
        self._screen = screening.epochs(config) / config.training.epochs
        self._final = finalists.epochs(config) / config.training.epochs
        self._done = 0.0

    def finished(self, outcome: Outcome, *, in_final: bool) -> None:
        """Count what an evaluation of this launch took."""
        whole = self._final if in_final else 1.0
        self._done += self._screen if outcome.status == "discarded" else whole

    def seconds_of_search(self, spent: float, open_: int, screened: int) -> float | None:
        """Estimate the seconds until the end of a search and of its final.

        Args:
            spent: Seconds of this launch.
            open_: Candidates that are not evaluated.
            screened: How many of them were trained for their first epochs.
        """
        final = self._config.final
        rest = max(0.0, self._usual * open_ - self._screen * screened)
        return self._seconds(spent, rest + self._final * final.candidates * final.seeds)

    def seconds_of_final(self, spent: float, open_: int) -> float | None:
        """Estimate the seconds until the end of a final of which `open_` trainings are left."""
        return self._seconds(spent, self._final * open_)

    def _seconds(self, spent: float, left: float) -> float | None:
        return left * spent / self._done if self._done else None
