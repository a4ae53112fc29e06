"""Random numbers for the genetic operators: a generator per purpose, drawn from in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

ItemT = TypeVar("ItemT")

BLOCK = 1024  # a call of numpy for each single number would cost thirty times as much


class Draws:
    """A stream of random numbers that one step of one generation uses up.

    Attributes:
        uniform: Returns the next number in [0, 1).
        normal: Returns the next number of the standard normal distribution.
    """

    def __init__(self, *key: int) -> None:
        """Open the stream of `key`: seed, generation, purpose and what else tells two steps apart."""
        rng = np.random.default_rng(list(key))
        self.uniform: Callable[[], float] = _one_by_one(rng.random).__next__
        self.normal: Callable[[], float] = _one_by_one(rng.standard_normal).__next__

    def below(self, count: int) -> int:
        """Return a whole number in 0 ... count - 1."""
        return int(self.uniform() * count)

    def choice(self, items: Sequence[ItemT]) -> ItemT:
        """Return one of `items`."""
        return items[int(self.uniform() * len(items))]

    def between(self, bounds: tuple[int, int]) -> int:
        """Return a whole number of the closed range `bounds`."""
        low, high = bounds
        return low + int(self.uniform() * (high - low + 1))

    def shuffled(self, items: Sequence[ItemT]) -> list[ItemT]:
        """Return `items` in random order."""
        keys = [self.uniform() for _ in items]
        return [items[i] for i in sorted(range(len(keys)), key=keys.__getitem__)]


def _one_by_one(block: Callable[[int], np.ndarray]) -> Iterator[float]:
    while True:
        yield from block(BLOCK).tolist()
