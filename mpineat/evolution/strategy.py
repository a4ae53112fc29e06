"""The interface of a search strategy (ask, tell, breed), and the choice of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from mpineat import registry
from mpineat.config import Config
from mpineat.evolution.state import Asked, BuiltT, Result, State
from mpineat.genotype.genome import Candidate


class Strategy(Protocol):
    """How candidates are made and learned from; its methods are pure functions."""

    def initial(self, config: Config) -> State:
        """Return generation 0."""

    def ask(
        self,
        state: State,
        config: Config,
        build: Callable[[Candidate], BuiltT],
        count: int | None = None,
    ) -> Asked[BuiltT]:
        """Return the next candidates of this generation, each built by `build`."""

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with the candidates' results credited."""

    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, not evaluated yet."""


def select(config: Config) -> Strategy:
    """Return the strategy that evolution.strategy names."""
    strategy: Strategy = registry.load("strategy", config.evolution.strategy)()
    return strategy
