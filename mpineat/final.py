"""The final: the best networks of a search are trained once more, for longer and at full width.

Its trainings are candidates of their own, with ids behind the search's, evaluated and journaled as
all are; when the last one is in, they are written as one sealed file.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mpineat import finalists, store
from mpineat.cluster.stop import Stop
from mpineat.config import Config, yaml_file
from mpineat.evaluations import Evaluations, repeat, worked_before
from mpineat.farm.dispatch import Farm
from mpineat.genotype.genome import Candidate
from mpineat.log.progress import Progress
from mpineat.phenotype.network import Network
from mpineat.store import Generation, directory, provenance
from mpineat.store.journal import Journal
from mpineat.tasks import Outcome

log = logging.getLogger("mpineat")

Entrant = tuple[Outcome, Candidate]  # what the search found out about a network, and its genotype


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training of a finalist."""

    candidate: Candidate
    network: Network
    context: Mapping[str, float]

    @property
    def key(self) -> tuple[object, ...]:
        """What its outcome depends on, in one run."""
        return _key(self.network.hash(), self.context)


class Final:
    """The final behind the newest generation of a run, on rank 0."""

    def __init__(
        self,
        config: Config,
        run_dir: Path,
        newest: Generation,
        *,
        build: Callable[[Candidate], Network],
        farm: Farm,
        journal: Journal,
        stop: Stop,
        progress: Progress,
    ) -> None:
        """Prepare."""
        self._config = config
        self._run_dir = run_dir
        self._newest = newest
        self._number = newest.number + 1
        self._build = build
        self._journal = journal
        self._progress = progress
        self._evaluations = Evaluations(config, farm, self._record, stop, progress)

    def hold(self, entrants: Sequence[Entrant]) -> None:
        """Work until the file of the final is on disk; trainings that are known are not repeated.

        Args:
            entrants: The finalists, the best of the search first; none: there is no final.

        Raises:
            Stopped: Asked to stop in time; a later launch goes on where this one was.
            FarmError: No worker is left.
            StorageError: The run directory cannot be written.
        """
        began = time.time()
        trainings = self._trainings(entrants)
        earlier = self._earlier()
        journaled = self._journal.of(self._number, final=True).outcomes
        if not trainings:
            return
        found = [outcome for outcome, _ in entrants]
        if earlier is not None and self._is_this(earlier, trainings):
            self._progress.final_ended(finalists.standing(found, earlier.outcomes))
            return
        known = {_key(o.network_hash, o.context): o for o in (*self._trusted(earlier), *journaled)}
        outcomes = [
            _taken_over(known[training.key], training)
            for training in trainings
            if training.key in known
        ]
        self._progress.final(outcomes, len(trainings))
        for training in trainings:
            if training.key not in known:
                self._evaluations.submit(
                    training.candidate, training.network, training.context, compress=False
                )
        while len(outcomes) < len(trainings):
            outcomes += self._evaluations.collect()
        outcomes.sort(key=lambda outcome: outcome.candidate)
        self._close(trainings, outcomes, time.time() - began + worked_before(journaled))
        self._progress.final_ended(finalists.standing(found, outcomes))

    def _trainings(self, entrants: Sequence[Entrant]) -> tuple[Training, ...]:
        first = self._newest.state.next_candidate
        contexts = finalists.contexts(self._config)
        found = []
        for place, (_, genotype) in enumerate(entrants):
            for number, context in enumerate(contexts):
                candidate = Candidate(
                    id=first + place * len(contexts) + number,
                    generation=self._number,
                    blueprint=genotype.blueprint,
                    modules=genotype.modules,
                )
                network = self._build(candidate)
                found.append(Training(candidate=candidate, network=network, context=context))
        return tuple(found)

    def _earlier(self) -> Generation | None:
        """Return the final that is on disk, be it of this search or of one that was shorter."""
        try:
            return store.read_final(self._run_dir, self._newest)
        except store.Damaged as damage:
            aside = directory.set_aside(self._run_dir / directory.FINAL)
            log.warning("%s: kept as %s, the final is held again", damage, aside.name)
            return None

    def _is_this(self, earlier: Generation, trainings: Sequence[Training]) -> bool:
        return earlier.parent_sha256 == self._newest.content_sha256 and [
            (o.candidate, _key(o.network_hash, o.context)) for o in earlier.outcomes
        ] == [(training.candidate.id, training.key) for training in trainings]

    def _trusted(self, earlier: Generation | None) -> tuple[Outcome, ...]:
        outcomes = () if earlier is None else earlier.outcomes
        return tuple(outcome for outcome in outcomes if outcome.fault != "machine")

    def _close(
        self, trainings: Sequence[Training], outcomes: Sequence[Outcome], seconds: float
    ) -> None:
        after = trainings[-1].candidate.id + 1
        state = replace(
            self._newest.state,
            generation=self._number,
            next_candidate=after,
            counts={},
            events=(),
            context={},
            memory={},
        )
        final = Generation(
            state=state,
            candidates=tuple(training.candidate for training in trainings),
            outcomes=tuple(outcomes),
            run_id=self._newest.run_id,
            seed=self._newest.seed,
            config=yaml_file.dumps(self._config),
            created=provenance.utc_now(),
            seconds=seconds,
            parent_sha256=self._newest.content_sha256,
        )
        # Its lines stay in the journal: the loss of the file loses no training.
        store.write(self._run_dir, final, final=True)

    def _record(self, outcome: Outcome) -> None:
        self._journal.append(self._number, outcome, final=True)


def _key(network_hash: str, context: Mapping[str, float]) -> tuple[object, ...]:
    return network_hash, *sorted(context.items())


def _taken_over(outcome: Outcome, training: Training) -> Outcome:
    """Return an outcome from before as that of `training`, which then need not be repeated."""
    renamed = repeat(outcome, training.candidate, training.network)
    return replace(renamed, reused_from=None, seconds=outcome.seconds)
