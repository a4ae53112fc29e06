"""The interface of a search strategy (initial, ask, tell, breed), and the choice of one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Protocol

from mpineat import registry
from mpineat.config import Config
from mpineat.evolution import asking, creation, credit
from mpineat.evolution.state import Asked, BuiltT, Result, State
from mpineat.genotype.genome import Candidate
from mpineat.tasks import Start


class Strategy(Protocol):
    """How candidates are made and learned from.

    Its methods are pure functions: all that it knows is in the State, whose `memory` is its own.
    What is written out here is what a strategy that derives from this class need not write: only
    `breed` is its own in any case.

    Attributes:
        passes_on_weights: Whether trainings leave their weights, for `start`.
    """

    passes_on_weights: ClassVar[bool] = False

    def initial(self, config: Config) -> State:
        """Return generation 0: chains of random nodes."""
        space = config.search_space
        return creation.create(config, 0, space.initial_module_nodes, space.initial_blueprint_nodes)

    def ask(
        self,
        state: State,
        config: Config,
        build: Callable[[Candidate], BuiltT],
        count: int | None = None,
    ) -> Asked[BuiltT]:
        """Return the next candidates of this generation, each built by `build`.

        Blueprints and the modules of their species take turns, those that are least known first.
        """
        return asking.ask(state, config, build, count)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with the results credited to modules and blueprints."""
        return credit.tell(state, results, config)

    @abstractmethod
    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, not evaluated yet."""

    def start(self, state: State, candidate: Candidate, config: Config) -> Start | None:
        """Return the trained weights that a candidate of this generation begins with."""
        return None

    def weights_needed(self, state: State) -> frozenset[str]:
        """Return the files of weights that this generation, not evaluated yet, needs or may need.

        What the outcomes of earlier generations left beside them is removed.
        """
        return frozenset()

    def explain(self, config: Config) -> Iterator[str]:
        """Yield the lines that `mpineat check` says about what it would do; mostly none."""
        yield from ()


def select(config: Config) -> Strategy:
    """Return the strategy that evolution.strategy names."""
    strategy: Strategy = registry.load("strategy", config.evolution.strategy)()
    return strategy
