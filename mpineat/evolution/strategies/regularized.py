"""Regularised evolution: a tournament's winner has a child, the oldest dies (Real et al. 2019)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mpineat.config import Config
from mpineat.evolution import costs
from mpineat.evolution.architectures import ArchitectureSearch, Plain, Proposals, living
from mpineat.evolution.state import Result, State
from mpineat.genotype.architecture import Architecture, random_architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.edits import edited


class RegularizedEvolution(ArchitectureSearch):
    """The strategy `regularized_evolution`: nobody lives for ever, however good a score was."""

    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return random networks until the population is full, then children of winners."""
        options = config.evolution.regularized_evolution
        everyone = zip(state.blueprints.genomes, living(state, config, draws), strict=True)
        alive = {genome.id: a for genome, (a, fitness) in everyone if fitness is not None}
        rank = costs.ranking(
            state.blueprints, state.blueprints.fitness, state.memory.get(costs.BLUEPRINTS)
        )

        ids = tuple(alive)

        def draw() -> Architecture:
            if len(alive) < options.population:
                return random_architecture(config, draws)
            rivals = [draws.choice(ids) for _ in range(options.sample)]
            return edited(alive[rank(rivals)[0]], config, draws)

        return Plain(draw, state)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with the results' architectures, their fitness and their costs."""
        return costs.tell(super().tell(state, results, config), results, config)

    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return the youngest that have a fitness, as many as the population holds."""
        judged = [g.id for g in state.blueprints.genomes if g.id in state.blueprints.fitness]
        return judged[-config.evolution.regularized_evolution.population :]
