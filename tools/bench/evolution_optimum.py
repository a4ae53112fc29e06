"""A stand-in problem with a known optimum: find a hidden network.

Fitness is the closeness of a candidate's network to the hidden one, 1 for an equal one. Each seed
hides another network, one that random search could draw, which gives random search the advantage.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from bench.scored import scored

from mpineat.config import Config
from mpineat.evolution.strategy import select
from mpineat.genotype.genome import Candidate
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Layer, Network

SHAPE, CLASSES, BATCH = (32, 32, 3), 10, 128
HIDDEN_LAYERS = (14, 30)  # fewest and most layers of a hidden network
STRATEGIES = ("codeepneat", "random")


def add_options(group: Any) -> None:
    """Add this part's options."""
    group.add_argument("--seeds", type=int, default=10)
    group.add_argument("--optimum-generations", type=int, default=300)
    group.add_argument("--optimum-candidates", type=int, default=24)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Search for every seed's network by both strategies, and draw the best so far."""
    curves: dict[str, list[list[float]]] = {name: [] for name in STRATEGIES}
    for seed in range(options.seeds):
        hidden = features(hidden_network(seed, options))
        for name in STRATEGIES:
            curves[name].append(search(name, seed, hidden, options))
        found = ", ".join(f"{name} {curves[name][-1][-1]:.3f}" for name in STRATEGIES)
        print(f"seed {seed}: {len(hidden)} layers hidden; {found}", flush=True)
    medians = {name: statistics.median(c[-1] for c in curves[name]) for name in STRATEGIES}
    print(f"median of {options.seeds} seeds: {medians}")
    draw(curves, options.optimum_candidates, options.output / "optimum.svg")
    return {"median": medians, "best_so_far": curves}


def search(name: str, seed: int, hidden: list[Feature], options: argparse.Namespace) -> list[float]:
    """Return the best fitness so far after each generation."""
    config = configuration(name, seed, options)
    strategy, build = select(config), building(config)
    state, best = strategy.initial(config), []
    for _ in range(options.optimum_generations):
        asked = strategy.ask(state, config, build)
        fitness = [closeness(features(network), hidden) for network in asked.built]
        best.append(max([*fitness, *best[-1:]]))
        results = [
            scored(candidate, value)
            for candidate, value in zip(asked.candidates, fitness, strict=True)
        ]
        state = strategy.breed(strategy.tell(asked.state, results, config), config)
    return best


def hidden_network(seed: int, options: argparse.Namespace) -> Network:
    """Return the first network of medium depth that random search draws from another seed."""
    config = configuration("random", 1000 + seed, options)
    strategy = select(config)
    state = strategy.initial(config)
    while True:
        for network in strategy.ask(state, config, building(config)).built:
            if HIDDEN_LAYERS[0] <= len(network.layers) <= HIDDEN_LAYERS[1]:
                return network
        state = strategy.breed(state, config)


def configuration(name: str, seed: int, options: argparse.Namespace) -> Config:
    """Return populations of the paper's proportions, with wide limits."""
    return Config.model_validate(
        {
            "run": {"seed": seed},
            "search_space": {"max_parameters": 1e8, "max_flops": 1e11, "max_memory_mb": 1e5},
            "evolution": {
                "strategy": name,
                "modules": 45,
                "blueprints": 25,
                "module_species": 4,
                "candidates": options.optimum_candidates,
            },
        }
    )


def building(config: Config) -> Any:
    """Return what `ask` builds with."""

    def build(candidate: Candidate) -> Network:
        network = assemble(candidate, SHAPE, CLASSES, config.search_space)
        check_limits(network, config.search_space, BATCH)
        return network

    return build


Feature = tuple[str, int, tuple[float, ...]]  # op, number of inputs, settings scaled to [0, 1]


def features(network: Network) -> list[Feature]:
    """Return what is compared of each layer, in the network's order."""
    return [(layer.op, len(layer.inputs), _settings(layer)) for layer in network.layers]


def _settings(layer: Layer) -> tuple[float, ...]:
    if layer.op == "conv2d":
        assert layer.filters is not None
        assert layer.kernel is not None
        return (layer.filters / 68, layer.kernel[0] / 5)
    if layer.op == "dropout":
        assert layer.rate is not None
        return (layer.rate / 0.5,)
    if layer.op == "dense":
        assert layer.units is not None
        return (layer.units / 256,)
    return ()


def closeness(found: list[Feature], hidden: list[Feature]) -> float:
    """Return the share of both networks' layers that the best alignment matches, in [0, 1].

    Layers match in order (Needleman and Wunsch 1970) where op and number of inputs are equal, and
    by as much as their settings agree.
    """
    row = [0.0] * (len(hidden) + 1)
    for op, inputs, settings in found:
        diagonal = 0.0
        for j, (other, others_inputs, others_settings) in enumerate(hidden, 1):
            best = row[j] if row[j] > row[j - 1] else row[j - 1]
            if op == other and inputs == others_inputs:
                apart = sum(abs(a - b) for a, b in zip(settings, others_settings, strict=True))
                match = diagonal + 1 - apart / max(1, len(settings))
                best = max(best, match)
            diagonal, row[j] = row[j], best
    return 2 * row[-1] / (len(found) + len(hidden))


def draw(curves: dict[str, list[list[float]]], candidates: int, path: Path) -> None:
    """Draw median and range of the best fitness over the number of evaluations."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, color in zip(STRATEGIES, ("#D55E00", "#0072B2"), strict=True):
        table = np.array(curves[name])
        evaluations = candidates * np.arange(1, table.shape[1] + 1)
        axes.plot(evaluations, np.median(table, axis=0), color=color, label=name)
        axes.fill_between(
            evaluations, table.min(axis=0), table.max(axis=0), color=color, alpha=0.15
        )
    axes.set(xlabel="evaluations", ylabel="closeness to the hidden network, best so far")
    axes.set_title(f"median and range of {len(curves[STRATEGIES[0]])} seeds", fontsize=10)
    axes.legend(frameon=False)
    figure.savefig(path)
    figure.savefig(path.with_suffix(".png"), dpi=120)
