"""From candidates to outcomes: a network that is known or under way is not trained again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from mpineat import screening
from mpineat.cluster.stop import Stop
from mpineat.config import Config
from mpineat.errors import Stopped
from mpineat.farm.dispatch import Farm
from mpineat.genotype.genes import Hyperparameters
from mpineat.genotype.genome import Candidate
from mpineat.log.progress import Progress
from mpineat.phenotype import cost
from mpineat.phenotype.network import INPUT, Network
from mpineat.tasks import Outcome, Seconds, Start, Task

POLL_SECONDS = 0.5
# Of run.grace_seconds, what children, files and MPI are closed in.
CLOSING_SECONDS = 5.0


class Key(NamedTuple):
    """What an outcome depends on beside the configuration; a task is made of nothing else.

    `weights` is the file that the training begins with, "" for new ones.
    `stop_after` is left out of the seed: a screen is the beginning of the full training.
    """

    network_hash: str
    training: Hyperparameters | None
    compress: bool
    context: tuple[tuple[str, float], ...]
    stop_after: int
    weights: str = ""


class Evaluations:
    """The evaluations of one run: what is known, what runs, what waits for an equal network."""

    def __init__(
        self,
        config: Config,
        farm: Farm,
        record: Callable[[Outcome], None],
        stop: Stop,
        progress: Progress,
        *,
        keep_weights: bool = False,
    ) -> None:
        """Begin with nothing known and nothing submitted.

        Args:
            record: Puts an outcome on disk, before it counts.
            keep_weights: Whether trainings leave their weights in files.
        """
        self._config = config
        self._farm = farm
        self._record = record
        self._stop = stop
        self._progress = progress
        self._keep_weights = keep_weights
        self._known: dict[Key, Outcome] = {}
        self._open: dict[Key, list[tuple[Candidate, Network]]] = {}  # the first one is trained
        self._trained: dict[int, Key] = {}  # by the candidate's id
        self._finished: list[Outcome] = []

    def remember(self, candidate: Candidate, outcome: Outcome) -> None:
        """Keep an outcome for equal networks to come, unless the machine spoilt it."""
        stop_after = screening.epochs(self._config) if outcome.status == "discarded" else 0
        key = self._key(candidate, outcome.network_hash, outcome.context, stop_after=stop_after)
        self._keep(key._replace(weights=outcome.parent_weights), outcome)

    def submit(
        self,
        candidate: Candidate,
        network: Network,
        context: Mapping[str, float],
        *,
        compress: bool | None = None,
        stop_after: int = 0,
        start: Start | None = None,
    ) -> None:
        """Have `candidate` evaluated, unless the outcome of an equal network is known.

        Args:
            context: What stages of the evaluation take from rank 0.
            compress: None: as the options say for the candidate's generation.
            stop_after: Epochs after which the training is to end; the outcome of a full one, where
                that is known, is as good.
            start: The weights to begin with; None: new ones.
        """
        key = self._key(
            candidate, network.hash(), context, compress=compress, stop_after=stop_after
        )
        if start is not None:
            key = key._replace(weights=start.weights)
        known = self._known.get(key._replace(stop_after=0)) or self._known.get(key)
        if self._config.evolution.reuse_outcomes and known is not None:
            self._finish(repeat(known, candidate, network))
        elif key in self._open:
            self._open[key].append((candidate, network))
        else:
            self._open[key] = [(candidate, network)]
            self._trained[candidate.id] = key
            self._farm.submit(self._task(candidate, network, key, start))

    def collect(self) -> list[Outcome]:
        """Return the outcomes since the last call; waits a moment where there is none yet.

        Raises:
            Stopped: A signal or the wall clock ends the run; running evaluations had their grace.
            FarmError: No worker is left.
        """
        if not self._finished:
            if reason := self._stop.reason():
                self._wind_down()
                raise Stopped(reason)
            self._poll()
        finished, self._finished = self._finished, []
        return finished

    def _poll(self) -> None:
        outcome = self._farm.poll(POLL_SECONDS)
        if outcome is not None:
            self._receive(outcome)
        self._progress.beat(self._farm.running(), self._farm.queued(), self._farm.ahead)

    def _receive(self, outcome: Outcome) -> None:
        key = self._trained.pop(outcome.candidate, None)
        if key is None:  # a late one: another try was faster
            return
        _, *twins = self._open.pop(key)
        outcome = replace(outcome, context=dict(key.context), parent_weights=key.weights)
        self._record(outcome)
        self._keep(key, outcome)
        self._finish(outcome)
        for twin, network in twins:
            self._finish(repeat(outcome, twin, network))

    def _keep(self, key: Key, outcome: Outcome) -> None:
        if outcome.fault != "machine" and outcome.reused_from is None:
            self._known.setdefault(key, outcome)

    def _finish(self, outcome: Outcome) -> None:
        self._finished.append(outcome)
        self._progress.finished(outcome)

    def _wind_down(self) -> None:
        grace = self._config.run.grace_seconds
        seconds = grace - min(CLOSING_SECONDS, grace / 2) - self._stop.seconds_since()
        end = time.monotonic() + seconds
        self._progress.stopping(*self._farm.wind_down(seconds), seconds)
        while self._farm.running() and time.monotonic() < end and not self._stop.at_once():
            self._poll()

    def _key(
        self,
        candidate: Candidate,
        network_hash: str,
        context: Mapping[str, float],
        *,
        compress: bool | None = None,
        stop_after: int = 0,
    ) -> Key:
        if compress is None:
            compress = compresses(self._config, candidate.generation)
        return Key(
            network_hash=network_hash,
            training=candidate.blueprint.training,
            compress=compress,
            context=tuple(sorted(context.items())),
            stop_after=stop_after,
        )

    def _task(self, candidate: Candidate, network: Network, key: Key, start: Start | None) -> Task:
        # Equal networks get equal seeds: an outcome must not depend on which of them is trained.
        genes = (*(key.training or (0.0,)), *(value for _, value in key.context))
        settings = [int(np.float64(value or 0.0).view(np.uint64)) for value in genes]
        entropy = [self._config.run.seed, int(key.network_hash, 16), *settings]
        if key.weights:
            entropy.append(int(key.weights, 16))
        costs = cost.total(network)
        return Task(
            candidate=candidate,
            network_hash=key.network_hash,
            seed=int(np.random.SeedSequence(entropy).generate_state(1)[0]),
            compress=key.compress,
            context=dict(key.context),
            stop_after=key.stop_after,
            start=start,
            keep_weights=self._keep_weights,
            flops=costs.flops,
            values=costs.values,
            parameters=costs.parameters,
            layers=len(network.layers),
        )


def compresses(config: Config, generation: int) -> bool:
    """Return whether structure learning precedes the training in `generation`."""
    return config.compression.enabled and generation % config.compression.every == 0


def repeat(outcome: Outcome, candidate: Candidate, network: Network) -> Outcome:
    """Return `outcome` as that of `candidate`, whose `network` equals the one that was trained."""
    before = outcome.network_before
    after = outcome.network_after
    if before is not None and after is not None:
        own = {
            theirs["name"]: layer
            for theirs, layer in zip(before["layers"], network.to_json()["layers"], strict=True)
        }
        after = _rename(after, own)
    return replace(
        outcome,
        candidate=candidate.id,
        reused_from=outcome.candidate if outcome.reused_from is None else outcome.reused_from,
        network_before=None if before is None else network.to_json(),
        network_after=after,
        seconds=Seconds(),
        estimate=None,
    )


def _rename(network: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return Network JSON with the names and origins of equal layers in another genotype."""
    names = {INPUT: INPUT} | {theirs: layer["name"] for theirs, layer in own.items()}
    layers = []
    for layer in network["layers"]:
        twin = own.get(layer["name"], layer)  # compression may have added a layer of its own
        renamed = {key: value for key, value in layer.items() if key != "origin"}
        renamed["name"] = twin["name"]
        renamed["inputs"] = [names.get(name, name) for name in layer["inputs"]]
        if "origin" in twin:
            renamed["origin"] = twin["origin"]
        layers.append(renamed)
    output = network["output"]
    return {**network, "layers": layers, "output": names.get(output, output)}


def worked_before(outcomes: Iterable[Outcome]) -> float:
    """Return the wall seconds that earlier launches spent on these outcomes of one generation."""
    spans = [(o.started, o.started + o.seconds.total) for o in outcomes if o.started]
    return max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0
