"""The trainings of one generation: of all for their first epochs, of the best ones in full."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from mpineat import screening
from mpineat.config import Config
from mpineat.evaluations import Evaluations
from mpineat.genotype.genome import Candidate
from mpineat.log.progress import Progress
from mpineat.phenotype.network import Network
from mpineat.tasks import Outcome, Start

Built = tuple[Candidate, Network]


class Trials:
    """What a search has trained; without early discarding everything is trained in full."""

    def __init__(
        self,
        config: Config,
        evaluations: Evaluations,
        progress: Progress,
        before: Sequence[Outcome] = (),
    ) -> None:
        """Prepare; `before` are the outcomes of the last generation, for the steady screen."""
        self._config = config
        self._evaluations = evaluations
        self._progress = progress
        self._steady = config.evolution.schedule == "steady"
        self._first = screening.epochs(config)
        self._starts: Mapping[int, Start] = {}
        self._window = screening.Window(config, before if self._steady else ())

    def hold(
        self,
        entries: Mapping[int, Built],
        waiting: Iterable[int],
        known: Iterable[Outcome],
        *,
        size: int,
        context: Mapping[str, float],
        starts: Mapping[int, Start] = MappingProxyType({}),
    ) -> tuple[Outcome, ...]:
        """Return the outcomes of `size` candidates, ascending by id; where steady, as they came.

        Args:
            entries: By the candidate's id.
            waiting: Ids of those that nothing is known of and that were not submitted before.
            known: Outcomes from the journal, also of candidates that were screened alone.
            starts: The weights that trainings begin with, by the candidate's id.

        Raises:
            Stopped, FarmError: As Evaluations.collect does.
        """
        self._starts = starts
        for number in waiting:
            self._submit(entries[number], context, stop_after=self._first)
        ended: list[Outcome] = []
        arrived: Collection[Outcome] = tuple(known)
        while True:
            for outcome in arrived:
                if self._steady and self._passes(outcome):
                    self._submit(entries[outcome.candidate], context)
                else:
                    ended.append(outcome)
            if len(ended) >= size:
                break
            arrived = self._evaluations.collect()
        if not self._steady:
            ended = self._best_in_full(ended, entries, context)
        return screening.estimated(ended, self._config)

    def _best_in_full(
        self,
        screened: Sequence[Outcome],
        entries: Mapping[int, Built],
        context: Mapping[str, float],
    ) -> list[Outcome]:
        passing = screening.passing(screened, self._config)
        again = {o.candidate for o in screened if o.status == "discarded"} & passing
        ended = [outcome for outcome in screened if outcome.candidate not in again]
        self._progress.discarded(sum(outcome.status == "discarded" for outcome in ended))
        for number in sorted(again):
            self._submit(entries[number], context)
        while len(ended) < len(screened):
            ended += self._evaluations.collect()
        return sorted(ended, key=lambda outcome: outcome.candidate)

    def _passes(self, outcome: Outcome) -> bool:
        if outcome.status != "discarded":
            return False
        passes = self._window.passes(outcome)
        self._progress.discarded(0 if passes else 1)
        return passes

    def _submit(self, entry: Built, context: Mapping[str, float], *, stop_after: int = 0) -> None:
        start = self._starts.get(entry[0].id)
        self._evaluations.submit(*entry, context, stop_after=stop_after, start=start)
