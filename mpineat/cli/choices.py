"""Choices of a command line's argument that cost nothing before somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any


class Choices(Sequence[str]):
    """Choices that are looked up when an argument is checked or explained, and not before."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        """Keep what looks the names up."""
        self._names = names

    def __getitem__(self, place: Any) -> Any:
        """Return the name at a place, or those of a slice."""
        return tuple(self._names())[place]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(tuple(self._names()))
