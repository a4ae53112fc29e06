"""Populations from nothing: generation 0, and every generation of random search."""

from __future__ import annotations

from collections import Counter

from mpineat.config import Config
from mpineat.evolution.pointers import cover
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.species import speciate
from mpineat.evolution.state import Population, State
from mpineat.genotype.creation import random_blueprint, random_module, random_shortcuts
from mpineat.genotype.distance import pack_blueprints, pack_modules
from mpineat.genotype.genes import OUTPUT
from mpineat.genotype.innovation import Innovations

FIRST_THRESHOLD = 0.5  # where the steering of the compatibility threshold begins


def create(
    config: Config,
    generation: int,
    module_sizes: tuple[int, int],
    blueprint_sizes: tuple[int, int],
    *,
    shortcuts: bool = False,
    after: State | None = None,
) -> State:
    """Return a generation of random genomes.

    Args:
        module_sizes, blueprint_sizes: Fewest and most nodes.
        shortcuts: Whether to draw random connections across the chains of nodes.
        after: The generation before, whose counters of ids and memory are continued.
    """
    evolution = config.evolution
    counts: Counter[str] = Counter()

    innovations = Innovations(after.modules.next_innovation if after else OUTPUT + 1)
    first = after.modules.next_genome if after else 0
    draws = draws_for(Purpose.CREATE_MODULES, generation, config)
    modules = []
    for id in range(first, first + evolution.modules):
        module = random_module(id, generation, module_sizes, config, innovations, draws)
        if shortcuts:
            module = module._replace(connections=random_shortcuts(module, innovations, draws))
        modules.append(module)
    next_species = after.modules.next_species if after else 0
    species, threshold = speciate(
        modules, (), FIRST_THRESHOLD, evolution.module_species, next_species, pack_modules, config
    )
    module_population = Population(
        genomes=tuple(modules),
        species=species,
        threshold=threshold,
        next_innovation=innovations.next,
        next_genome=first + evolution.modules,
        next_species=species[-1].id + 1,
    )

    living = [s.id for s in species]
    innovations = Innovations(after.blueprints.next_innovation if after else OUTPUT + 1)
    first = after.blueprints.next_genome if after else 0
    draws = draws_for(Purpose.CREATE_BLUEPRINTS, generation, config)
    blueprints = []
    for id in range(first, first + evolution.blueprints):
        blueprint = random_blueprint(
            id, generation, blueprint_sizes, config, innovations, draws, living
        )
        if shortcuts:
            blueprint = blueprint._replace(
                connections=random_shortcuts(blueprint, innovations, draws)
            )
        blueprints.append(blueprint)
    blueprints = cover(blueprints, generation, living, draws, counts)
    next_species = after.blueprints.next_species if after else 0
    kinds, threshold = speciate(
        blueprints,
        (),
        FIRST_THRESHOLD,
        evolution.blueprint_species,
        next_species,
        pack_blueprints,
        config,
    )
    return State(
        generation=generation,
        evaluated=False,
        modules=module_population,
        blueprints=Population(
            genomes=tuple(blueprints),
            species=kinds,
            threshold=threshold,
            next_innovation=innovations.next,
            next_genome=first + evolution.blueprints,
            next_species=kinds[-1].id + 1,
        ),
        next_candidate=after.next_candidate if after else 0,
        counts=dict(+counts),
        memory=after.memory if after else {},
    )
