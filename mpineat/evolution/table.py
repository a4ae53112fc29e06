"""Architectures that were asked for with their scores, as arrays that a State remembers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Config
from mpineat.evolution.credit import judged
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.state import Result, State
from mpineat.genotype.architecture import Architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.encoding import Encoding
from mpineat.genotype.genome import Candidate


class Table:
    """Architectures that were asked for, with their scores.

    Attributes:
        ids: Of the candidates, ascending.
        rows: [candidates, positions] their encodings.
        scores: NaN while one is under way.
    """

    def __init__(
        self, ids: NDArray[np.int64], rows: NDArray[np.float32], scores: NDArray[np.float64]
    ) -> None:
        order = np.argsort(ids, kind="stable")
        self.ids, self.rows, self.scores = ids[order], rows[order], scores[order]

    @classmethod
    def of(cls, state: State, config: Config) -> Table:
        """Return the table in a state's memory, or one without rows."""
        memory = state.memory
        if "rows" in memory:
            return cls(memory["ids"], memory["rows"], memory["scores"])
        width = len(Encoding(config).positions)
        return cls(np.zeros(0, np.int64), np.zeros((0, width), np.float32), np.zeros(0))

    def memory(self) -> Mapping[str, NDArray[Any]]:
        """Return it as arrays to remember."""
        return {"ids": self.ids, "rows": self.rows, "scores": self.scores}

    def with_row(self, candidate: Candidate, encoding: Encoding) -> Table:
        """Return the table with a candidate that is under way."""
        row = encoding.encode(Architecture(candidate.blueprint, candidate.modules))
        return Table(
            np.append(self.ids, candidate.id),
            np.vstack([self.rows, row.astype(np.float32)]),
            np.append(self.scores, np.nan),
        )

    def told(self, results: Sequence[Result], config: Config) -> Table:
        """Return the table with the scores of these results; of failures as they count."""
        table, encoding, known = self, Encoding(config), set(self.ids.tolist())
        for result in results:  # asked by a launch that was killed before its table was written
            if result.candidate.id not in known:
                table = table.with_row(result.candidate, encoding)
        scores = {r.candidate.id: score for r, score in judged(results, config.evolution)}
        return table.scored(scores, {result.candidate.id for result in results})

    def scored(self, scores: Mapping[int, float], ended: Collection[int]) -> Table:
        """Return the table with scores written in; who ended without one is left out."""
        ids = self.ids.tolist()
        found = [scores.get(id, old) for id, old in zip(ids, self.scores, strict=True)]
        keep = [id in scores or id not in ended for id in ids]
        return Table(self.ids[keep], self.rows[keep], np.array(found, float)[keep])

    def thinned(self, most: int, draws: Draws) -> Table:
        """Return at most so many scored rows: the best half, and random ones of the others."""
        scored = np.flatnonzero(np.isfinite(self.scores))
        if len(scored) <= most:
            return self
        order = scored[np.argsort(-self.scores[scored], kind="stable")]
        best, others = order[: most // 2], order[most // 2 :]
        drawn = draws.rng.choice(others, most - len(best), replace=False)
        kept = np.concatenate([best, drawn, np.flatnonzero(np.isnan(self.scores))])
        return Table(self.ids[kept], self.rows[kept], self.scores[kept])


def remembered(
    state: State, results: Sequence[Result], config: Config, most: int
) -> Mapping[str, NDArray[Any]]:
    """Return the memory of a state whose table has heard the results, thinned to `most` rows."""
    draws = draws_for(Purpose.OWN, state.generation, config)
    return Table.of(state, config).told(results, config).thinned(most, draws).memory()
