"""Edits: an architecture that differs from another in one mutation.

CoDeepNEAT's offspring undergo many mutations at once, each at its rate. Methods that search around
good networks want the nearest ones (Real et al. 2019; White et al. 2021).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mpineat.config import Config
from mpineat.genotype.architecture import (
    Architecture,
    GenomeT,
    arranged,
    first_free,
    numbered,
    random_architecture,
)
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import BlueprintNode
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.hyperparameters import vary_hyperparameters
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.settings import MOST_DROPOUT, random_node
from mpineat.genotype.structure import (
    Rejected,
    add_connection,
    add_node,
    remove_connection,
    remove_node,
)

ItemT = TypeVar("ItemT")
NewNode = Callable[[int], Any]

TRIES = 50  # edits that are impossible or change nothing, before another network is drawn instead


def edited(parent: Architecture, config: Config, draws: Draws) -> Architecture:
    """Return a child of `parent` with one random edit; it may be too large for the limits."""
    space = config.search_space
    for _ in range(TRIES):
        slot = draws.between((-1, len(parent.modules) - 1))
        blueprint, modules = parent.blueprint, dict(parent.modules)
        try:
            if slot < 0:
                kinds = (*OF_BLUEPRINTS, *OF_STAGES) if space.has_stages else OF_BLUEPRINTS
                blueprint = draws.choice(kinds)(blueprint, len(modules), config, draws)
                if branched := _branched(parent.blueprint, blueprint, len(modules)):
                    modules[len(modules)] = _edit_module(modules[branched.species], config, draws)
            else:
                modules[slot] = _edit_module(modules[slot], config, draws)
        except Rejected:
            continue
        child = arranged(blueprint, modules, config, draws)
        if child.content != parent.content:
            return child
    return random_architecture(config, draws)


def _branched(before: Blueprint, after: Blueprint, slot: int) -> BlueprintNode | None:
    """Return the node, as it was, that points to a new slot: for a variant of its module."""
    pairs = zip(before.nodes, after.nodes, strict=False)
    return next((old for old, new in pairs if new.species == slot), None)


def _edit_module(module: Module, config: Config, draws: Draws) -> Module:
    found = draws.choice(OF_MODULES)(module, config, draws)
    if found == module:
        raise Rejected("invalid")
    return found


def _edit_structure(genome: GenomeT, node: NewNode, most: int, draws: Draws) -> GenomeT:
    """Add or remove a node or a connection."""
    innovations = Innovations(first_free(most))
    nodes: Any = genome.nodes
    connections = genome.connections
    kind = draws.between((0, 3))
    if kind == 0:
        nodes, connections = add_node(nodes, connections, innovations, draws, node, most)
    elif kind == 1:
        nodes, connections = remove_node(nodes, connections, innovations, draws)
    elif kind == 2:
        ids = [node.id for node in nodes]
        connections = add_connection(ids, connections, innovations, draws)
    else:
        connections = remove_connection(connections, draws)
    return numbered(genome._replace(nodes=nodes, connections=connections), most)


def _edit_graph(genome: Blueprint, used: int, config: Config, draws: Draws) -> Blueprint:
    most = config.search_space.max_blueprint_nodes
    return _edit_structure(
        genome, lambda id: BlueprintNode(id, draws.choice(range(used))), most, draws
    )


def _repoint(genome: Blueprint, used: int, config: Config, draws: Draws) -> Blueprint:
    at = draws.between((0, len(genome.nodes) - 1))
    node = genome.nodes[at]
    slots = range(min(used + 1, config.evolution.module_species))
    slot = _other(slots, node.species, draws)
    return genome._replace(nodes=_put(genome.nodes, at, node._replace(species=slot)))


def _resize_dense(genome: Blueprint, used: int, config: Config, draws: Draws) -> Blueprint:
    if not genome.dense:
        raise Rejected("invalid")
    at = draws.between((0, len(genome.dense) - 1))
    units = _moved(genome.dense[at], config.search_space.dense_units, config, draws)
    return genome._replace(dense=_put(genome.dense, at, round(units)))


def _vary_training(genome: Blueprint, used: int, config: Config, draws: Draws) -> Blueprint:
    [training] = vary_hyperparameters([genome.training], config, draws.rng)
    return genome._replace(training=training)


def _switch_reduction(genome: Blueprint, used: int, config: Config, draws: Draws) -> Blueprint:
    at = draws.between((0, len(genome.nodes) - 1))
    node = genome.nodes[at]
    reduction = _other(config.search_space.reductions, node.reduction, draws)
    return genome._replace(nodes=_put(genome.nodes, at, node._replace(reduction=reduction)))


def _edit_layers(genome: Module, config: Config, draws: Draws) -> Module:
    space = config.search_space
    return _edit_structure(
        genome, lambda id: random_node(id, space, draws), space.max_module_nodes, draws
    )


def _switch_join(genome: Module, config: Config, draws: Draws) -> Module:
    return genome._replace(join=_other(config.search_space.joins, genome.join, draws))


def _set_layer(genome: Module, config: Config, draws: Draws) -> Module:
    space = config.search_space
    at = draws.between((0, len(genome.nodes) - 1))
    node = genome.nodes[at]
    # Settings of a single choice are no edit, nor do they use up random numbers.
    names = [name for name in ("convolution", "activation") if len(getattr(space, f"{name}s")) > 1]
    kind = draws.between((0, 3 + len(names)))
    if kind > 3:
        name = names[kind - 4]
        other = _other(getattr(space, f"{name}s"), getattr(node, name), draws)
        node = node._replace(**{name: other})
    elif kind == 0:
        node = node._replace(filters=_other_filters(node.filters, config, draws))
    elif kind == 1:
        node = node._replace(kernel=_other(space.kernel_sizes, node.kernel, draws))
    elif kind == 2:
        node = node._replace(neighbour=_other(space.neighbours, node.neighbour, draws))
    elif node.neighbour == "dropout":
        rate = _moved(node.rate, space.dropout, config, draws)
        node = node._replace(rate=min(rate, MOST_DROPOUT))
    return genome._replace(nodes=_put(genome.nodes, at, node))


def _other_filters(filters: int, config: Config, draws: Draws) -> int:
    low, high = config.search_space.filters
    if config.search_space.filters_scale == "linear":
        return round(_moved(filters, (low, high), config, draws))
    bounds = math.log(low), math.log(high)
    return round(math.exp(_moved(math.log(filters), bounds, config, draws)))


def _moved(value: float, bounds: tuple[float, float], config: Config, draws: Draws) -> float:
    low, high = bounds
    noise = draws.rng.standard_normal() * config.evolution.mutation.perturb_scale * (high - low)
    # Inheritance of compressed widths may have left the range.
    return float(min(max(value + noise, min(low, value)), max(high, value)))


def _other(items: Sequence[ItemT], item: ItemT, draws: Draws) -> ItemT:
    others = [other for other in items if other != item]
    if not others:
        raise Rejected("invalid")
    return draws.choice(others)


def _put(items: tuple[ItemT, ...], at: int, item: ItemT) -> tuple[ItemT, ...]:
    return (*items[:at], item, *items[at + 1 :])


# As a blueprint and each module are chosen alike often, so are a graph and each of its settings.
OF_BLUEPRINTS = (_edit_graph, _repoint, _resize_dense, _vary_training)
OF_STAGES = (_switch_reduction,)
OF_MODULES = (_edit_layers, _set_layer, _switch_join)
