"""The search: ask, evaluate, tell, store, breed; at the end a final. Start reading here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mpineat import finalists, store, weights
from mpineat.cluster.stop import Stop
from mpineat.config import Config, yaml_file
from mpineat.evaluations import Evaluations, compresses, worked_before
from mpineat.evolution.state import Result, State
from mpineat.evolution.strategies.coevolution import replace_genomes
from mpineat.evolution.strategy import select
from mpineat.farm.dispatch import Farm
from mpineat.final import Entrant, Final
from mpineat.genotype.genome import Candidate
from mpineat.genotype.innovation import Innovations
from mpineat.log.progress import Progress
from mpineat.novelty import Novelty
from mpineat.phenotype.assemble import build_network
from mpineat.phenotype.growth import grown_from
from mpineat.phenotype.inherit import write_back
from mpineat.phenotype.network import Network
from mpineat.store import Generation, directory, provenance
from mpineat.store.journal import Journal
from mpineat.tasks import Outcome, Start
from mpineat.trials import Trials

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a launch takes the search up.

    Attributes:
        earlier: The finished generations, ascending; empty for a new run.
        run_id: Shared by all generations of the run.
    """

    earlier: tuple[Generation, ...]
    run_id: str

    @property
    def number(self) -> int:
        """The generation to work on."""
        return self.earlier[-1].number + 1 if self.earlier else 0


class Search:
    """One launch's work on a run directory, on rank 0.

    Generational: all candidates of a generation are evaluated, then the next ones are bred.
    Steady (asynchronous, after Liang, Shahrzad and Miikkulainen 2023): one more candidate than a
    generation needs is under way for each worker, so a generation closes while nobody waits.
    """

    def __init__(
        self,
        config: Config,
        run_dir: Path,
        origin: Origin,
        *,
        farm: Farm,
        journal: Journal,
        stop: Stop,
        progress: Progress,
        shape: tuple[int, int, int],
        classes: int,
    ) -> None:
        """Prepare; `shape` and `classes` are the data set's."""
        self._config = config
        self._run_dir = run_dir
        self._run_id = origin.run_id
        self.evaluated = 0
        """Evaluations that ended in this launch."""
        self._farm = farm
        self._journal = journal
        self._stop = stop
        self._progress = progress
        self._strategy = select(config)
        self._build = partial(build_network, input_shape=shape, classes=classes, config=config)
        self._newest = origin.earlier[-1] if origin.earlier else None
        self._number = origin.number
        self._evaluations = Evaluations(
            config,
            farm,
            self._record,
            stop,
            progress,
            keep_weights=self._strategy.passes_on_weights,
        )
        self._novelty = Novelty()
        self._entrants: tuple[Entrant, ...] = ()
        for generation in origin.earlier:
            self._learn(generation.candidates, generation.outcomes)
            self._enter(generation)
        before = () if self._newest is None else self._newest.outcomes
        self._trials = Trials(config, self._evaluations, progress, before)
        self._carried = () if self._newest is None else unfinished(self._newest)
        self._left_over = self._carried  # carried from an earlier launch: not submitted in this one

    def run(self) -> None:
        """Work until the last generation and the final are on disk.

        Raises:
            Stopped: Asked to stop in time; a later launch goes on where this one was.
            FarmError: No worker is left.
            StorageError: The run directory cannot be written.
        """
        while self._number < self._config.evolution.generations:
            self._work_on(self._next_state())
            self._number += 1
        if self._newest is not None:
            Final(
                self._config,
                self._run_dir,
                self._newest,
                build=self._build,
                farm=self._farm,
                journal=self._journal,
                stop=self._stop,
                progress=self._progress,
            ).hold(self._entrants[: self._config.final.candidates])

    def _next_state(self) -> State:
        if self._newest is None:
            return self._strategy.initial(self._config)
        state, written_back = inherited(self._newest, self._config)
        bred = self._strategy.breed(state, self._config)
        return replace(bred, events=(*written_back, *bred.events))

    def _work_on(self, state: State) -> None:
        began = time.time()
        before = self._journal.of(self._number)
        state, candidates, networks = self._ask(state, before.candidates)
        by_id = {candidate.id: candidate for candidate in (*self._carried, *candidates)}
        networks |= {candidate.id: self._build(candidate) for candidate in self._carried}
        outcomes = self._own(before.outcomes, networks)
        spent = worked_before(outcomes)
        self._learn(by_id.values(), outcomes)
        done = {outcome.candidate for outcome in outcomes}
        new = [c.id for c in (*self._left_over, *candidates) if c.id not in done]
        self._left_over = ()
        ended = self._trials.hold(
            {number: (candidate, networks[number]) for number, candidate in by_id.items()},
            new,
            outcomes,
            size=min(self._config.evolution.candidates, len(by_id)),
            context=state.context,
            starts=self._starts(state, by_id.values()),
        )
        self._close(state, by_id, ended, time.time() - began + spent)

    def _starts(self, state: State, candidates: Iterable[Candidate]) -> dict[int, Start]:
        """Return the weights that trainings begin with, by the candidate's id."""
        found = {one.id: self._strategy.start(state, one, self._config) for one in candidates}
        return {number: start for number, start in found.items() if start is not None}

    def _own(self, journaled: Iterable[Outcome], networks: dict[int, Network]) -> list[Outcome]:
        """Return the journaled outcomes that are of this generation's networks.

        One whose candidate's line in the journal is damaged belongs to nothing.
        """
        found = []
        for outcome in journaled:
            network = networks.get(outcome.candidate)
            if network is None:
                continue
            if network.hash() == outcome.network_hash:
                found.append(outcome)
            else:
                log.warning(
                    "journal: the outcome of candidate %d is of another network: left out",
                    outcome.candidate,
                )
        return found

    @property
    def _steady(self) -> bool:
        return self._config.evolution.schedule == "steady"

    def _ask(
        self, state: State, journaled: Iterable[Candidate]
    ) -> tuple[State, tuple[Candidate, ...], dict[int, Network]]:
        evolution = self._config.evolution
        count = evolution.candidates
        if self._steady:
            # Those that are under way already count; the last generation leaves nothing behind.
            ahead = len(self._farm.workers()) if state.generation == 0 else 0
            total = evolution.generations * evolution.candidates
            count = min(count + ahead, total - state.next_candidate)
        build: Callable[[Candidate], Network] = partial(self._grow, state)
        if evolution.avoid_repeats and not self._strategy.passes_on_weights:
            build = self._novelty.building(build, count)
        asked = self._strategy.ask(state, self._config, build, count)
        built = dict(zip((c.id for c in asked.candidates), asked.built, strict=True))
        candidates = {candidate.id: candidate for candidate in asked.candidates}
        for candidate in journaled:  # asked by a launch that had another number of workers
            candidates[candidate.id] = candidate
            built[candidate.id] = self._build(candidate)
        if self._steady:
            known = {candidate.id for candidate in journaled}
            for candidate in candidates.values():
                if candidate.id not in known:
                    self._journal.append(self._number, candidate)
        after = max(asked.state.next_candidate, *(id + 1 for id in candidates), 0)
        return replace(asked.state, next_candidate=after), tuple(candidates.values()), built

    def _grow(self, state: State, candidate: Candidate) -> Network:
        """Build a candidate; one with a start must be able to compute what its parent does."""
        network = self._build(candidate)
        start = self._strategy.start(state, candidate, self._config)
        if start is not None:
            grown_from(self._build(start.parent), network)
        return network

    def _close(
        self, state: State, by_id: dict[int, Candidate], outcomes: Sequence[Outcome], seconds: float
    ) -> None:
        results = [Result(candidate=by_id[o.candidate], outcome=o) for o in outcomes]
        state = self._strategy.tell(state, results, self._config)
        generation = Generation(
            state=state,
            candidates=tuple(by_id.values()),
            outcomes=tuple(outcomes),
            run_id=self._run_id,
            seed=self._config.run.seed,
            config=yaml_file.dumps(self._config),
            created=provenance.utc_now(),
            seconds=seconds,
            parent_sha256="" if self._newest is None else self._newest.content_sha256,
        )
        self._newest = store.write(self._run_dir, generation)
        self._journal.fold(self._number)
        self._forget_weights()
        self._enter(self._newest)
        self._carried = unfinished(self._newest)
        self._progress.generation(state, outcomes)

    def _forget_weights(self) -> None:
        """Remove the weights that nobody needs now that a generation is safe."""
        if self._strategy.passes_on_weights:
            folder = self._run_dir / directory.WEIGHTS
            needed = self._strategy.weights_needed(self._next_state())
            with directory.storage_errors(folder):
                weights.remove_others(folder, needed)

    def _learn(self, candidates: Iterable[Candidate], outcomes: Iterable[Outcome]) -> None:
        by_id = {candidate.id: candidate for candidate in candidates}
        for outcome in outcomes:
            self._evaluations.remember(by_id[outcome.candidate], outcome)

    def _enter(self, generation: Generation) -> None:
        """Keep in mind what a finished generation evaluated, and who may be in the final."""
        by_id = {candidate.id: candidate for candidate in generation.candidates}
        for outcome in generation.outcomes:
            self._novelty.learn(by_id[outcome.candidate], outcome)
        genotypes = {found.candidate: genotype for found, genotype in self._entrants}
        genotypes |= by_id
        outcomes = (*(found for found, _ in self._entrants), *generation.outcomes)
        self._entrants = tuple(
            (found, genotypes[found.candidate])
            for found in finalists.possible(outcomes, self._config)
        )

    def _record(self, outcome: Outcome) -> None:
        self._journal.append(self._number, outcome)
        self.evaluated += 1


def unfinished(generation: Generation) -> tuple[Candidate, ...]:
    """Return the candidates that were still being evaluated when `generation` closed."""
    done = {outcome.candidate for outcome in generation.outcomes}
    return tuple(candidate for candidate in generation.candidates if candidate.id not in done)


def inherited(generation: Generation, config: Config) -> tuple[State, tuple[str, ...]]:
    """Return the state to breed from, and a sentence for each genome that took compressed sizes."""
    state = generation.state
    if not (config.compression.inherit and compresses(config, state.generation)):
        return state, ()
    found = write_back(
        generation.candidates,
        generation.outcomes,
        empty_layer=config.compression.empty_layer,
        module_innovations=Innovations(state.modules.next_innovation),
        blueprint_innovations=Innovations(state.blueprints.next_innovation),
    )
    return replace_genomes(state, found.modules, found.blueprints), found.records
