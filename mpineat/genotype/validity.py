"""What makes a genome valid: its graph, and settings that the search space knows."""

from __future__ import annotations

from mpineat.config import Config
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.graph import problem
from mpineat.genotype.hyperparameters import CHOICES, ranges


def graph_problem(genome: Module | Blueprint) -> str | None:
    """Return what is wrong with a genome's graph in one sentence; None for a valid one."""
    return problem([node.id for node in genome.nodes], genome.connections)


def candidate_problem(candidate: Candidate) -> str | None:
    """Return what no network can be assembled from, in one sentence; None where nothing is."""
    if wrong := graph_problem(candidate.blueprint):
        return f"its blueprint: {wrong}"
    for species, module in candidate.modules:
        if wrong := graph_problem(module):
            return f"its module of species {species}: {wrong}"
    return pointers_problem(candidate)


def pointers_problem(candidate: Candidate) -> str | None:
    """Return how a candidate's modules are not those that its blueprint points to, or None."""
    found = [species for species, _ in candidate.modules]
    if found != sorted({node.species for node in candidate.blueprint.nodes}):
        return f"it has modules of the species {found}, and its blueprint points to others"
    return None


def module_problem(module: Module, config: Config) -> str | None:
    """Return what is wrong with a module in one sentence; None for a valid one."""
    space = config.search_space
    if wrong := graph_problem(module):
        return wrong
    if len(module.nodes) > space.max_module_nodes:
        return f"its {len(module.nodes)} nodes exceed search_space.max_module_nodes"
    if module.join not in space.joins:
        return f"its join {module.join!r} is not in search_space.joins"
    for node in module.nodes:
        # Fewer filters than the range allows may be inherited from compression.
        if not 1 <= node.filters <= space.filters[1] or not 0 <= node.rate < 1:
            return f"node {node.id}: {node.filters} filters or rate {node.rate} out of range"
        if node.kernel not in space.kernel_sizes or node.neighbour not in space.neighbours:
            return f"node {node.id}: kernel {node.kernel} or neighbour {node.neighbour!r} unknown"
        if node.convolution not in space.convolutions or node.activation not in space.activations:
            return f"node {node.id}: {node.convolution!r} or {node.activation!r} unknown"
    return None


def blueprint_problem(blueprint: Blueprint, config: Config) -> str | None:
    """Return what is wrong with a blueprint in one sentence; None for a valid one."""
    space, evolution = config.search_space, config.evolution
    if wrong := graph_problem(blueprint):
        return wrong
    if len(blueprint.nodes) > space.max_blueprint_nodes:
        return f"its {len(blueprint.nodes)} nodes exceed search_space.max_blueprint_nodes"
    if unknown := {node.reduction for node in blueprint.nodes} - set(space.reductions):
        return f"its reductions {sorted(unknown)} are not in search_space.reductions"
    if len(blueprint.dense) != space.dense_layers:
        return f"it has {len(blueprint.dense)} dense layers, not search_space.dense_layers"
    if any(not 1 <= units <= space.dense_units[1] for units in blueprint.dense):
        return f"its dense layers {list(blueprint.dense)} are out of search_space.dense_units"
    if evolution.evolve_training != (blueprint.training is not None):
        return "its hyperparameters contradict evolution.evolve_training"
    for (name, range_), value in zip(
        ranges(evolution).items(), blueprint.training or (), strict=False
    ):
        known = value in range_ if name in CHOICES else range_[0] <= (value or 0.0) <= range_[1]
        if value is not None and not known:
            return f"its {name} {value} is out of its range {list(range_)}"
    return None
