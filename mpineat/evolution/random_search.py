"""Random search, the baseline: every generation is drawn anew from the whole search space."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mpineat.config import Config
from mpineat.evolution import asking
from mpineat.evolution.coevolution import tell
from mpineat.evolution.creation import create
from mpineat.evolution.state import Asked, BuiltT, Result, State
from mpineat.genotype.genome import Candidate


class RandomSearch:
    """The strategy `random`: genomes of all sizes allowed, with random shortcuts."""

    def initial(self, config: Config) -> State:
        """Return generation 0."""
        return _generation(config, 0, None)

    def ask(
        self,
        state: State,
        config: Config,
        build: Callable[[Candidate], BuiltT],
        count: int | None = None,
    ) -> Asked[BuiltT]:
        """Return the next candidates of this generation, each built by `build`."""
        return asking.ask(state, config, build, count)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with the candidates' results credited, for the record alone."""
        return tell(state, results, config)

    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, which learns nothing from this one."""
        return _generation(config, state.generation + 1, state)


def _generation(config: Config, generation: int, after: State | None) -> State:
    space = config.search_space
    return create(
        config,
        generation,
        (1, space.max_module_nodes),
        (1, space.max_blueprint_nodes),
        shortcuts=True,
        after=after,
    )
