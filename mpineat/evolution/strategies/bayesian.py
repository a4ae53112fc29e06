"""Bayesian optimisation: a model of the scores says which proposals are worth a training.

A Gaussian process on the compatibility distance (Kandasamy et al. 2018, Jin et al. 2019), expected
improvement, and proposals that are mostly mutants of the best, which matters more than the model
(White et al. 2021). Networks under way count as evaluated with one good score (the constant liar,
Ginsbourger et al. 2010), so that a batch is spread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Config
from mpineat.evolution.architectures import ArchitectureSearch, Proposals, living
from mpineat.evolution.gaussian_process import Model, expected_improvement, normal_scores
from mpineat.evolution.selection import ranked
from mpineat.evolution.state import Result, State
from mpineat.evolution.table import Table, remembered
from mpineat.genotype.architecture import Architecture, random_architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.edits import edited
from mpineat.genotype.encoded_distance import Comparison
from mpineat.genotype.encoding import Encoding
from mpineat.genotype.genome import Candidate

RANDOM = 0.1  # share of the proposals that are drawn from the whole space
ANOTHER = 0.5  # chance that a mutant is edited once more
LIE = 1.0  # the score of what is under way: better than five sixths, for a batch near the best


class BayesianOptimisation(ArchitectureSearch):
    """The strategy `bayesian`; its memory is a table of encodings and scores."""

    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return random networks at first, then the most promising of many mutants."""
        return _Promising(state, config, draws)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Credit the results, and write the scores into the table."""
        memory = remembered(state, results, config, config.evolution.bayesian.outcomes)
        return replace(super().tell(state, results, config), memory=memory)

    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return the best, whose mutants are proposed."""
        fitness = state.blueprints.fitness
        return ranked(list(fitness), fitness)[: config.evolution.bayesian.parents]


class _Promising(Proposals):
    def __init__(self, state: State, config: Config, draws: Draws) -> None:
        self._config, self._draws = config, draws
        self._encoding = Encoding(config)
        self._comparison = Comparison.of(self._encoding)
        self._table = Table.of(state, config)
        self._next = state.next_candidate
        alive = [(a, fitness) for a, fitness in living(state, config, draws) if fitness is not None]
        alive.sort(key=lambda pair: -pair[1])
        self._parents = [a for a, _ in alive[: config.evolution.bayesian.parents]]
        self._pool: list[Architecture] = []
        self._drawn: int | None = None

    def draw(self) -> Architecture:
        if not self._parents or self._next < self._config.evolution.bayesian.initial:
            return random_architecture(self._config, self._draws)
        if self._drawn is not None:
            self._open[self._drawn] = False  # not a network, or known
        if not self._pool or not self._open.any():
            self._fill()
        worth = expected_improvement(self._belief.mean, self._belief.deviation, self._best)
        # Rounded: in what order a library sums must not decide between equals.
        self._drawn = int(np.argmax(np.where(self._open, worth.round(9), -1.0)))
        return self._pool[self._drawn]

    def take(self, candidate: Candidate) -> None:
        self._table = self._table.with_row(candidate, self._encoding)
        self._next += 1
        if self._drawn is None:
            return
        row = self._rows[self._drawn : self._drawn + 1]
        [distances] = self._comparison.distances(row, self._rows)
        self._belief.observe(self._drawn, distances, LIE)

    def memory(self) -> Mapping[str, NDArray[Any]]:
        return self._table.memory()

    def _fill(self) -> None:
        """Make a pool of proposals, and believe of it what the table says."""
        count = self._config.evolution.bayesian.proposals
        self._pool = [self._proposal() for _ in range(count)]
        self._rows = np.array([self._encoding.encode(a) for a in self._pool], np.float32)
        self._open = np.ones(count, bool)
        table = self._table
        scored = np.isfinite(table.scores)
        values = np.full(len(table.scores), LIE)
        values[scored] = normal_scores(table.scores[scored])
        self._best = float(values.max())
        model = Model.fitted(self._comparison.distances(table.rows, table.rows), values)
        self._belief = model.posterior(self._comparison.distances(table.rows, self._rows))

    def _proposal(self) -> Architecture:
        if self._draws.uniform() < RANDOM:
            return random_architecture(self._config, self._draws)
        found = edited(self._draws.choice(self._parents), self._config, self._draws)
        while self._draws.uniform() < ANOTHER:
            found = edited(found, self._config, self._draws)
        return found
