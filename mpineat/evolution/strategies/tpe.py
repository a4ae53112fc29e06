"""TPE: Optuna's tree-structured Parzen estimator over the encoding (Bergstra et al. 2011).

Two densities are kept of each position of the encoding, of the networks that were good and of the
others, and the value of the highest ratio is taken; which positions follow depends on what was
taken before. Networks under way count among the others (Optuna's constant liar), so that a batch is
spread. The study is built anew, from the table in the State, whenever candidates are asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Config
from mpineat.errors import extra
from mpineat.evolution.architectures import ArchitectureSearch, Proposals
from mpineat.evolution.state import Result, State
from mpineat.evolution.table import Table, remembered
from mpineat.genotype.architecture import Architecture, random_architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.encoding import Encoding, Position
from mpineat.genotype.genome import Candidate

with extra("optuna"):
    import optuna
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )
    from optuna.trial import FrozenTrial, Trial, TrialState

PATIENCE = 20  # proposals in a row that come to nothing, before one is random


class TreeParzen(ArchitectureSearch):
    """The strategy `tpe`; its memory is a table of encodings and scores."""

    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return random networks at first, then what Optuna samples."""
        return _Sampled(state, config, draws)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Credit the results, and write the scores into the table."""
        memory = remembered(state, results, config, config.evolution.tpe.outcomes)
        return replace(super().tell(state, results, config), memory=memory)

    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return nobody: what there is to know is in the table."""
        return ()


class _Sampled(Proposals):
    def __init__(self, state: State, config: Config, draws: Draws) -> None:
        self._config, self._draws = config, draws
        self._encoding = Encoding(config)
        self._table = Table.of(state, config)
        self._next = state.next_candidate
        self._study: optuna.Study | None = None  # built for the first that is not random
        self._known: set[str] = set()  # names of what a scored network had to choose
        self._trial: Trial | None = None  # of the proposal drawn last
        self._refused = 0  # proposals in a row

    def draw(self) -> Architecture:
        early = self._next < self._config.evolution.tpe.initial
        if early or not np.isfinite(self._table.scores).any():
            return random_architecture(self._config, self._draws)
        if self._study is None:
            self._study = self._rebuilt()
        if self._trial is not None:  # no network, or known: of the others, as far as this ask goes
            self._study.tell(self._trial, state=TrialState.PRUNED)
            self._trial, self._refused = None, self._refused + 1
        if (self._refused + 1) % PATIENCE == 0:
            self._refused += 1
            return random_architecture(self._config, self._draws)
        self._trial = trial = self._study.ask()
        return self._encoding.decode(
            lambda position, allowed: self._answer(trial, position, allowed)
        )

    def take(self, candidate: Candidate) -> None:
        self._table = self._table.with_row(candidate, self._encoding)
        self._next += 1
        self._refused = 0
        if self._study is None:
            return
        if self._trial is not None:  # replaced by what a later launch will know of it
            self._study.tell(self._trial, state=TrialState.FAIL)
            self._trial = None
        [place] = np.flatnonzero(self._table.ids == candidate.id)
        self._study.add_trial(self._told(self._table.rows[place], np.nan))

    def memory(self) -> Mapping[str, NDArray[Any]]:
        return self._table.memory()

    def _rebuilt(self) -> optuna.Study:
        """Return a study that knows the table, with a sampler of this state's own seed."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():  # what some versions call experimental
            warnings.simplefilter("ignore")
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=0,
                n_ei_candidates=self._config.evolution.tpe.samples,
                multivariate=False,
                constant_liar=True,
                seed=int(self._draws.rng.integers(2**31)),
            )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for row, score in zip(self._table.rows, self._table.scores, strict=True):
            trial = self._told(row, score)
            study.add_trial(trial)
            if trial.state == TrialState.COMPLETE:
                self._known.update(trial.params)
        return study

    def _told(self, row: NDArray[np.float32], score: float) -> FrozenTrial:
        """Return a row of the table as Optuna has it; without a score it is under way."""
        params: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}

        def note(position: Position, allowed: int) -> float:
            answer = 0.0 if np.isnan(row[position.at]) else float(row[position.at])
            name = _name(position, allowed)
            distributions[name] = _distribution(position, allowed)
            params[name] = _value(position, answer)
            return answer

        self._encoding.decode(note)
        running = np.isnan(score)
        return optuna.trial.create_trial(
            state=TrialState.RUNNING if running else TrialState.COMPLETE,
            value=None if running else float(score),
            params=params,
            distributions=distributions,
        )

    def _answer(self, trial: Trial, position: Position, allowed: int) -> float:
        name = _name(position, allowed)
        if name not in self._known:  # as random search draws: Optuna would make every gene likely
            return _drawn(position, allowed, self._draws)
        distribution = _distribution(position, allowed)
        if isinstance(distribution, CategoricalDistribution):
            return float(trial.suggest_categorical(name, distribution.choices))
        if isinstance(distribution, IntDistribution):
            value = trial.suggest_int(name, distribution.low, distribution.high)
            return float(value / (position.levels - 1) if position.kind == "number" else value)
        return float(trial.suggest_float(name, 0.0, 1.0))


def _name(position: Position, allowed: int) -> str:
    """Return a parameter's name: one of Optuna's with choices has the same ones always."""
    return f"{position.name} of {allowed}" if position.kind == "kind" else position.name


def _distribution(position: Position, allowed: int) -> BaseDistribution:
    if position.kind == "number":
        levels = position.levels
        return IntDistribution(0, levels - 1) if levels else FloatDistribution(0.0, 1.0)
    if position.kind == "size":
        return IntDistribution(0, allowed - 1)
    return CategoricalDistribution(tuple(range(allowed)))


def _value(position: Position, answer: float) -> float | int:
    """Return an answer at a position as the value of Optuna's parameter."""
    if position.kind != "number":
        return int(answer)
    return round(answer * (position.levels - 1)) if position.levels else min(1.0, max(0.0, answer))


def _drawn(position: Position, allowed: int, draws: Draws) -> float:
    """Return an answer as likely as where nothing is known."""
    if position.kind == "number":
        return draws.uniform()
    upto = np.cumsum(position.shares[:allowed])
    return float(min(allowed - 1, int(np.searchsorted(upto, draws.uniform() * upto[-1], "right"))))
