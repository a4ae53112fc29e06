"""Random numbers for the genetic operators: a generator per purpose, drawn from in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

ItemT = TypeVar("ItemT")

BLOCK = 1024  # a call of numpy for each single number would cost thirty times as much


class Draws:
    """A stream of random numbers that one step of one generation uses up.

    Attributes:
        rng: For whole arrays.
        uniform: Returns the next number in [0, 1).
    """

    def __init__(self, *key: int) -> None:
        """Open the stream of `key`: seed, generation, purpose, what else tells steps apart."""
        self.rng = np.random.default_rng(list(key))
        self.uniform: Callable[[], float] = _one_by_one(self.rng).__next__

    def choice(self, items: Sequence[ItemT]) -> ItemT:
        """Return one of `items`."""
        return items[int(self.uniform() * len(items))]

    def between(self, bounds: tuple[int, int]) -> int:
        """Return a whole number of the closed range `bounds`."""
        low, high = bounds
        return low + int(self.uniform() * (high - low + 1))

    def shuffled(self, items: Sequence[ItemT]) -> list[ItemT]:
        """Return `items` in random order."""
        return [items[i] for i in self.rng.permutation(len(items)).tolist()]

    def events(self, count: int, rates: Sequence[float]) -> list[tuple[int, int]]:
        """Return the (item, event) pairs that happen to `count` items, each event at its rate."""
        happens: NDArray[np.bool_] = self.rng.random((count, len(rates))) < np.asarray(rates)
        return [(item, event) for item, event in np.argwhere(happens).tolist()]


def _one_by_one(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(BLOCK).tolist()
