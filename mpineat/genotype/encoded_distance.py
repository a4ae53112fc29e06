"""The compatibility distance of whole architectures, computed from their encodings.

As in distance.py, over the genes of the blueprint and of all modules together; genes are the same
where they stand at the same place, since histories of random draws share no innovation numbers.
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
        """Return [some, others] the distances between rows of encodings."""
        first, second = self._genes(some), self._genes(others)
        both = first @ second.T
        sizes = first.sum(axis=1)[:, None] + second.sum(axis=1)
        structure = (sizes - 2 * both) / (sizes - both)
        settings = [index for index, _ in self.kinds] + self.numbers
        has, have = self._present(some, settings), self._present(others, settings)
        shared = has @ have.T
        kinds = self._present(some, [i for i, _ in self.kinds])
        kinds = kinds @ self._present(others, [i for i, _ in self.kinds]).T
        summed = kinds - self._codes(some) @ self._codes(others).T
        summed += self._differences(some, others)
        found = self.weights.structure * structure
        found = found + self.weights.settings * summed / np.maximum(shared, 1)
        return np.asarray(found, np.float64)

    def _genes(self, rows: Rows) -> Rows:
        return np.hstack([np.nan_to_num(rows[:, self.genes]), self._present(rows, self.nodes)])

    def _present(self, rows: Rows, positions: list[int]) -> Rows:
        return np.isfinite(rows[:, positions]).astype(np.float32)

    def _codes(self, rows: Rows) -> Rows:
        """Return a column for each choice of each kind, 1 where it was made."""
        return np.hstack(
            [
                (rows[:, index, None] == np.arange(count)).astype(np.float32)
                for index, count in self.kinds
            ]
        )

    def _differences(self, some: Rows, others: Rows) -> Rows:
        """Return the sum over the numbers that both have of the absolute differences."""
        ours, theirs = (rows[:, self.numbers].astype(np.float32) for rows in (some, others))
        here, there = (np.isfinite(rows).astype(np.float32) for rows in (ours, theirs))
        ours, theirs = np.nan_to_num(ours), np.nan_to_num(theirs)
        summed = np.zeros((len(ours), len(theirs)), np.float32)
        gap = np.empty_like(summed)
        for column in range(len(self.numbers)):
            np.subtract.outer(ours[:, column], theirs[:, column], out=gap)
            summed += np.abs(gap, out=gap)
        # What only one of them has was taken as 0 above, and does not count.
        return np.asarray(summed - np.abs(ours) @ (1 - there).T - (1 - here) @ np.abs(theirs).T)
