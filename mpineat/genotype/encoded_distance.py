"""How unlike whole architectures are, computed from their encodings, many at a time.

The compatibility distance of distance.py in another form: genes that both have and settings in
which they agree, over all genes and settings that either has, so a Jaccard distance of weighted
sets. Of this form exp(-distance / length) is positive definite, a kernel by construction (the
min-max kernel, Ioffe 2010); of NEAT's own it is not. Genes are the same where they stand at the
same place, since random draws share no innovation numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Distance
from mpineat.genotype.encoding import Encoding
from mpineat.genotype.settings import Floats

Rows: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which positions hold genes, kinds and numbers; all that a distance needs."""

    genes: list[int]
    nodes: list[int]  # a position that each node has
    kinds: list[tuple[int, int]]  # with the number of choices
    numbers: list[int]
    weights: Distance

    @property
    def settings(self) -> list[int]:
        """The positions of kinds and numbers."""
        return [*(at for at, _ in self.kinds), *self.numbers]

    @classmethod
    def of(cls, encoding: Encoding) -> Comparison:
        """Return the comparison of architectures of one search space."""
        positions = encoding.positions
        return cls(
            genes=[p.at for p in positions if p.kind == "gene"],
            nodes=[p.at for p in positions if p.name.endswith((": module", ": filters"))],
            kinds=[(p.at, len(p.shares)) for p in positions if p.kind == "kind"],
            numbers=[p.at for p in positions if p.kind == "number"],
            weights=encoding.config.evolution.distance,
        )

    def distances(self, some: Rows, others: Rows) -> Floats:
        """Return [some, others] the distances between rows of encodings, each from 0 to 1."""
        ours, theirs = self._genes(some), self._genes(others)
        have, own = self._present(some, self.settings), self._present(others, self.settings)
        agreement = have @ own.T - self._differences(some, others)
        weights = self.weights
        common = weights.structure * (ours @ theirs.T) + weights.settings * agreement
        here = weights.structure * ours.sum(axis=1) + weights.settings * have.sum(axis=1)
        there = weights.structure * theirs.sum(axis=1) + weights.settings * own.sum(axis=1)
        found = 1 - common / (here[:, None] + there - common)
        return np.asarray(np.maximum(found, 0.0), np.float64)

    def _genes(self, rows: Rows) -> Rows:
        return np.hstack([np.nan_to_num(rows[:, self.genes]), self._present(rows, self.nodes)])

    def _present(self, rows: Rows, positions: list[int]) -> Rows:
        return np.isfinite(rows[:, positions]).astype(np.float32)

    def _differences(self, some: Rows, others: Rows) -> Rows:
        """Return the sum over the settings that both have of how much they differ."""
        kinds = [at for at, _ in self.kinds]
        both = self._present(some, kinds) @ self._present(others, kinds).T
        unlike = both - self._codes(some) @ self._codes(others).T
        ours, theirs = (rows[:, self.numbers].astype(np.float32) for rows in (some, others))
        here, there = (np.isfinite(rows).astype(np.float32) for rows in (ours, theirs))
        ours, theirs = np.nan_to_num(ours), np.nan_to_num(theirs)
        gap = np.empty_like(unlike)
        for column in range(len(self.numbers)):
            np.subtract.outer(ours[:, column], theirs[:, column], out=gap)
            unlike += np.abs(gap, out=gap)
        # What only one of them has was taken as 0 above, and does not count.
        return np.asarray(unlike - np.abs(ours) @ (1 - there).T - (1 - here) @ np.abs(theirs).T)

    def _codes(self, rows: Rows) -> Rows:
        """Return a column for each choice of each kind, 1 where it was made."""
        columns = [rows[:, at, None] == np.arange(count) for at, count in self.kinds]
        return np.hstack(columns).astype(np.float32)
