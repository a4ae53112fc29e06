"""A strategy of your own: CoDeepNEAT that begins anew where it has stood still.

Beside it, in pyproject.toml:

    [project]
    name = "restarting-strategy"
    version = "1.0"

    [project.entry-points."mpineat.strategy"]
    restarting = "strategy:Restarting"

After `pip install .` there, `mpineat run evolution.strategy=restarting` searches with it. What it
has to know after a stop is in the state's memory, which every checkpoint holds.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mpineat.config import Config
from mpineat.evolution.creation import create
from mpineat.evolution.state import Result, State
from mpineat.evolution.strategies.coevolution import CoDeepNEAT

PATIENCE = 2  # generations without a better candidate


class Restarting(CoDeepNEAT):
    """Keeps the best fitness of every generation since it began anew."""

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Credit the genomes as CoDeepNEAT does, and remember the best."""
        told = super().tell(state, results, config)
        best = max([r.fitness for r in results if r.fitness is not None], default=0.0)
        return replace(told, memory={"best": np.append(state.memory.get("best", ()), best)})

    def breed(self, state: State, config: Config) -> State:
        """Return CoDeepNEAT's next generation, or new genomes when nothing rises any more."""
        best = state.memory["best"]
        if len(best) <= PATIENCE or best[-PATIENCE:].max() > best[:-PATIENCE].max():
            return super().breed(state, config)
        space = config.search_space
        sizes = space.initial_module_nodes, space.initial_blueprint_nodes
        fresh = create(config, state.generation + 1, *sizes, after=state)
        why = f"began anew: {PATIENCE} generations without a better candidate"
        return replace(fresh, memory={}, events=(why,))
