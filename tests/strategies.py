"""Random valid genomes for hypothesis, grown from chains by random mutations."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from mpineat.config import Config, SearchSpace
from mpineat.genotype.creation import random_blueprint, random_module
from mpineat.genotype.crossover import cross_blueprints, cross_modules
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.mutation import Mutation

# Structural mutations at high rates, so that a few steps reach strange graphs.
WILD = Config.model_validate(
    {
        "evolution": {
            "evolve_training": True,
            "mutation": {
                "add_node": 0.5,
                "remove_node": 0.3,
                "add_connection": 0.5,
                "remove_connection": 0.3,
                "toggle_connection": 0.4,
            },
        }
    }
)
# The same in the space of today's networks, small enough for Keras.
MODERN = WILD.model_copy(
    update={
        "search_space": SearchSpace.model_validate(
            {"preset": "modern", "filters": (3, 10), "joins": ("residual", "add", "concat")}
            | {"neighbours": ("none", "max_pooling", "dropout"), "max_blueprint_nodes": 6}
            | {"reductions": ("none", "stride", "max_pooling"), "kernel_sizes": (1, 3, 5)}
            | {"max_module_nodes": 4, "max_layers": 10**6}
        )
    }
)
SPECIES = (0, 3, 4, 9)  # ids of living module species, for blueprints to point to


class Nursery:
    """Grows genomes with innovation numbers of their own."""

    def __init__(self, seed: int, config: Config = WILD) -> None:
        self.config = config
        self.draws = Draws(seed)
        self.innovations = Innovations(2)
        self.counts: Counter[str] = Counter()
        self.next_id = 0

    def module(self, steps: int) -> Module:
        """Return a module after `steps` rounds of mutation, each a generation of its own."""
        sizes = self.config.search_space.initial_module_nodes
        self.next_id += 1
        grown = random_module(self.next_id, 0, sizes, self.config, self.innovations, self.draws)
        for _ in range(steps):
            grown = self.mutant_module(grown)
        return grown

    def blueprint(self, steps: int) -> Blueprint:
        """Return a blueprint after `steps` rounds of mutation."""
        sizes = self.config.search_space.initial_blueprint_nodes
        self.next_id += 1
        grown = random_blueprint(
            self.next_id, 0, sizes, self.config, self.innovations, self.draws, SPECIES
        )
        for _ in range(steps):
            grown = self.mutant_blueprint(grown)
        return grown

    def mutant_module(self, module: Module) -> Module:
        """Return a mutant of the next generation."""
        self.next_id += 1
        return self._mutation().modules([module], [self.next_id], [(module.id,)])[0]

    def mutant_blueprint(self, blueprint: Blueprint) -> Blueprint:
        """Return a mutant of the next generation."""
        self.next_id += 1
        parents = [(blueprint.id,)]
        return self._mutation().blueprints([blueprint], [self.next_id], parents, SPECIES)[0]

    def crossed_modules(self, fitter: Module, other: Module) -> Module:
        """Return the offspring of two modules."""
        self.next_id += 1
        return cross_modules(fitter, other, self.next_id, 1, self.draws)

    def crossed_blueprints(self, fitter: Blueprint, other: Blueprint) -> Blueprint:
        """Return the offspring of two blueprints."""
        self.next_id += 1
        return cross_blueprints(fitter, other, self.next_id, 1, self.draws)

    def _mutation(self) -> Mutation:
        self.innovations = Innovations(self.innovations.next)
        return Mutation(self.config, 1, self.innovations, self.draws, self.counts)


seeds = st.integers(0, 2**31)
steps = st.integers(0, 20)
nurseries = seeds.map(Nursery)


@st.composite
def families(draw: st.DrawFn, size: int = 2) -> tuple[Nursery, list[Module], list[Blueprint]]:
    """Return a nursery with `size` modules and blueprints that share part of their history."""
    nursery = draw(nurseries)
    modules = [nursery.module(draw(steps))]
    blueprints = [nursery.blueprint(draw(steps))]
    for _ in range(size - 1):
        module, blueprint = modules[0], blueprints[0]
        for _ in range(draw(st.integers(1, 6))):
            module = nursery.mutant_module(module)
            blueprint = nursery.mutant_blueprint(blueprint)
        modules.append(module)
        blueprints.append(blueprint)
    return nursery, modules, blueprints
