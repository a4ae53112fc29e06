"""Regularised evolution: a tournament's winner has a child, the oldest dies (Real et al. 2019)."""

from __future__ import annotations

from collections.abc import Collection

from mpineat.config import Config
from mpineat.evolution.architectures import ArchitectureSearch, Plain, Proposals, living
from mpineat.evolution.state import State
from mpineat.genotype.architecture import Architecture, random_architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.edits import edited


class RegularizedEvolution(ArchitectureSearch):
    """The strategy `regularized_evolution`: nobody lives for ever, however good a score was."""

    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return random networks until the population is full, then children of winners."""
        options = config.evolution.regularized_evolution
        alive = [(a, f) for a, f in living(state, config, draws) if f is not None]

        def draw() -> Architecture:
            if len(alive) < options.population:
                return random_architecture(config, draws)
            rivals = [draws.choice(alive) for _ in range(options.sample)]
            winner, _ = max(rivals, key=lambda pair: pair[1])
            return edited(winner, config, draws)

        return Plain(draw, state)

    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return the youngest that have a fitness, as many as the population holds."""
        judged = [g.id for g in state.blueprints.genomes if g.id in state.blueprints.fitness]
        return judged[-config.evolution.regularized_evolution.population :]
