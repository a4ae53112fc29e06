"""Many random variations and draws: is every genome valid, does every one assemble?"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from typing import Any

from bench.scored import scored

from mpineat.config import Config
from mpineat.evolution.strategy import select
from mpineat.genotype.creation import random_blueprint, random_module
from mpineat.genotype.crossover import cross_blueprints, cross_modules
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.mutation import Mutation
from mpineat.genotype.validity import blueprint_problem, module_problem
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Network

SHAPE, CLASSES, BATCH = (32, 32, 3), 10, 128
SPECIES = (0, 1, 2, 3)
POOL = 500  # modules and blueprints alive at a time
ROUND = 250  # of each that are mutated, and crossed, in one round


def add_options(group: Any) -> None:
    """Add these parts' options."""
    group.add_argument("--mutations", type=int, default=100_000)
    group.add_argument("--crossovers", type=int, default=20_000)
    group.add_argument("--networks", type=int, default=100_000, help="assembled candidates")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Mutate and cross; check each genome and assemble it with the simplest partners."""
    config = Config.model_validate(
        {
            "search_space": {"max_layers": 10_000},
            "evolution": {"evolve_training": True, "mutation": {"toggle_connection": 0.3}},
        }
    )
    start, draws, counts = time.process_time(), Draws(1), Counter[str]()
    numbers = Innovations(2), Innovations(2)
    modules = [random_module(i, 0, (1, 2), config, numbers[0], draws) for i in range(POOL)]
    blueprints = [
        random_blueprint(i, 0, (1, 3), config, numbers[1], draws, SPECIES) for i in range(POOL)
    ]
    simplest = modules[:20], next(b for b in blueprints if len(b.nodes) == 1)
    mutated = crossed = largest = rounds = 0
    while mutated < options.mutations or crossed < options.crossovers:
        rounds += 1
        numbers = Innovations(numbers[0].next), Innovations(numbers[1].next)
        breeds = [Mutation(config, rounds, numbers[i], draws, counts) for i in (0, 1)]
        places = [draws.rng.permutation(POOL)[:ROUND].tolist() for _ in (0, 1)]
        parents = [(0,)] * ROUND
        young = breeds[0].modules([modules[i] for i in places[0]], places[0], parents)
        young_b = breeds[1].blueprints(
            [blueprints[i] for i in places[1]], places[1], parents, SPECIES
        )
        for i, module in zip(places[0], young, strict=True):
            modules[i] = module
        for i, blueprint in zip(places[1], young_b, strict=True):
            blueprints[i] = blueprint
        mutated += 2 * ROUND
        if crossed < options.crossovers:
            for i, j in zip(*places, strict=True):
                young.append(cross_modules(modules[i], modules[j], i, rounds, draws))
                young_b.append(cross_blueprints(blueprints[i], blueprints[j], i, rounds, draws))
            crossed += 2 * ROUND
        for module in young:
            _check(module_problem(module, config), module)
            largest = max(largest, _assembled(simplest[1], [module], draws, config))
        for blueprint in young_b:
            _check(blueprint_problem(blueprint, config), blueprint)
            largest = max(largest, _assembled(blueprint, simplest[0], draws, config))
    seconds = time.process_time() - start
    print(f"{mutated:,} mutations of genomes and {crossed:,} crossovers: all valid, all assembled")
    print(f"in {seconds:.0f} CPU s; the largest network has {largest} layers; {dict(counts)}")
    return {"mutations": mutated, "crossovers": crossed, "invalid": 0, "counts": dict(counts)}


def _check(problem: str | None, genome: Module | Blueprint) -> None:
    if problem:
        raise AssertionError(f"{problem}: {genome}")


def _assembled(blueprint: Blueprint, modules: list[Module], draws: Draws, config: Config) -> int:
    """Assemble the blueprint with random ones of `modules`; return the number of layers."""
    species = sorted({node.species for node in blueprint.nodes})
    chosen = tuple((s, draws.choice(modules)) for s in species)
    candidate = Candidate(0, 0, blueprint, chosen)
    network = assemble(candidate, SHAPE, CLASSES, config.search_space)
    if network.shapes[network.output] != (CLASSES,) or cost.flops(network) <= 0:
        raise AssertionError(f"no network: {candidate}")
    return len(network.layers)


def run_assembled(options: argparse.Namespace) -> dict[str, Any]:
    """Drift for 30 generations on random fitness, then look at what would reach a worker."""
    config = Config.model_validate(
        {"evolution": {"modules": 200, "blueprints": 200, "candidates": 200}}
    )
    space, strategy, rng = config.search_space, select(config), random.Random(1)
    largest = {"parameters": 0, "flops": 0, "layers": 0}

    def build(candidate: Candidate) -> None:
        network = assemble(candidate, SHAPE, CLASSES, space)
        check_limits(network, space, BATCH)
        _inspect(network, config, largest, candidate.id % 10 == 0)

    state = strategy.initial(config)
    for _ in range(30):
        asked = strategy.ask(state, config, build)
        results = [scored(c, rng.random()) for c in asked.candidates]
        state = strategy.breed(strategy.tell(asked.state, results, config), config)
    start = time.process_time()
    asked = strategy.ask(state, config, build, options.networks)
    refused = {k: v for k, v in asked.state.counts.items() if k.startswith("draw_")}
    print(
        f"{len(asked.candidates):,} candidates after 30 generations of random fitness, "
        f"{time.process_time() - start:.0f} CPU s: all assembled, all within the limits; "
        f"largest {largest}; drawn and refused before {refused}"
    )
    return {"networks": len(asked.candidates), "largest": largest, "refused": refused}


def _inspect(network: Network, config: Config, largest: dict[str, int], anew: bool) -> None:
    """Check the network layer by layer; if `anew`, one read back from its JSON."""
    again = Network.from_json(network.to_json()) if anew else network
    space = config.search_space
    found = {
        "parameters": cost.parameters(again),
        "flops": sum(cost.layer_flops(again).values()),
        "layers": len(again.layers),
    }
    limits = (space.max_parameters, space.max_flops, space.max_layers)
    if any(value > most for value, most in zip(found.values(), limits, strict=True)):
        raise AssertionError(f"beyond a limit: {found}")
    if any(min(shape) < 1 for shape in again.shapes.values()):
        raise AssertionError(f"a map below 1x1: {again.shapes}")
    for name, value in found.items():
        largest[name] = max(largest[name], value)
