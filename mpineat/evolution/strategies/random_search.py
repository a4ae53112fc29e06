"""Random search, the baseline: every generation is drawn anew from the whole search space."""

from __future__ import annotations

from mpineat.config import Config
from mpineat.evolution.creation import create
from mpineat.evolution.state import State
from mpineat.evolution.strategy import Strategy


class RandomSearch(Strategy):
    """The strategy `random`: genomes of all sizes allowed, with random shortcuts."""

    def initial(self, config: Config) -> State:
        """Return generation 0."""
        return _generation(config, 0, None)

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
