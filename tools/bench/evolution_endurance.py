"""Hundreds of generations: does anything stall or grow without bound?

The stand-in fitness is noisy and cheap: small networks with many convolutions are good, so that
selection pulls against the drift of random growth.
"""

from __future__ import annotations

import argparse
import random
import statistics
from pathlib import Path
from typing import Any

from bench.scored import scored

from mpineat.config import Config
from mpineat.evolution.state import Population
from mpineat.evolution.strategy import select
from mpineat.genotype.genome import Candidate
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Network

SHAPE, CLASSES, BATCH = (28, 28, 1), 10, 128


def add_options(group: Any) -> None:
    """Add this part's options."""
    group.add_argument("--endurance-generations", type=int, default=500)
    group.add_argument("--population", type=int, default=100)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Evolve, print every 50th generation, draw the curves."""
    size = options.population
    config = Config.model_validate(
        {
            "evolution": {
                "modules": size,
                "blueprints": size,
                "candidates": size // 2,
                "module_species": 5,
                "blueprint_species": 4,
            }
        }
    )
    strategy, rng = select(config), random.Random(1)

    def build(candidate: Candidate) -> Network:
        network = assemble(candidate, SHAPE, CLASSES, config.search_space)
        check_limits(network, config.search_space, BATCH)
        return network

    def fitness(network: Network) -> float:
        convolutions = sum(layer.op == "conv2d" for layer in network.layers)
        dear = cost.flops(network) / config.search_space.max_flops
        return convolutions / (convolutions + 4) - dear + rng.gauss(0, 0.05)

    state, rows = strategy.initial(config), []
    for generation in range(options.endurance_generations):
        asked = strategy.ask(state, config, build)
        results = [
            scored(candidate, fitness(network))
            for candidate, network in zip(asked.candidates, asked.built, strict=True)
        ]
        told = strategy.tell(asked.state, results, config)
        row = {
            "generation": generation,
            "best": max(result.fitness or 0.0 for result in results),
            "resident_mib": _resident_mib(),
            "innovations": told.modules.next_innovation,
            **{f"module_{name}": value for name, value in _sizes(told.modules).items()},
            **{f"blueprint_{name}": value for name, value in _sizes(told.blueprints).items()},
        }
        rows.append(row)
        if generation % 50 == 0 or generation == options.endurance_generations - 1:
            print({k: round(v, 2) for k, v in row.items()}, flush=True)
        state = strategy.breed(told, config)
    _draw(rows, options.output / "endurance.svg")
    return {"rows": rows}


def _sizes(population: Population[Any]) -> dict[str, float]:
    genomes = population.genomes
    return {
        "species": len(population.species),
        "nodes": statistics.mean(len(genome.nodes) for genome in genomes),
        "connections": statistics.mean(len(genome.connections) for genome in genomes),
        "threshold": population.threshold,
        "oldest_species": max(species.age for species in population.species),
        "founded_species": population.next_species,
    }


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def _draw(rows: list[dict[str, float]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = (
        ("species", ("module_species", "blueprint_species")),
        ("nodes of a genome", ("module_nodes", "blueprint_nodes")),
        ("connections of a genome", ("module_connections", "blueprint_connections")),
        ("resident memory, MiB", ("resident_mib",)),
    )
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", sharex=True)
    for panel, (title, names) in zip(axes.flat, panels, strict=True):
        for name in names:
            panel.plot([row["generation"] for row in rows], [row[name] for row in rows], label=name)
        panel.set_title(title, fontsize=10)
        panel.set_ylim(bottom=0)
        panel.legend(frameon=False, fontsize=8)
    for panel in axes[1]:
        panel.set_xlabel("generation")
    figure.savefig(path)
    figure.savefig(path.with_suffix(".png"), dpi=120)
