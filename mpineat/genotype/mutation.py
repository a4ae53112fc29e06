"""Mutation of modules and blueprints: structure first, then settings (Miikkulainen et al. 2017; NEAT)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mpineat.config import Config
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.settings import (
    random_node,
    vary_dense,
    vary_learning_rate,
    vary_node,
)
from mpineat.genotype.structure import (
    NodeT,
    Rejected,
    add_connection,
    add_node,
    remove_connection,
    remove_node,
    toggle_connection,
)


def mutate_module(
    module: Module, config: Config, innovations: Innovations, draws: Draws, counts: Counter[str]
) -> Module:
    """Return a mutant of `module` with the same id, parents and birth.

    Args:
        counts: Gains the mutations made, by kind, and those rejected, by reason.
    """
    space, rates = config.search_space, config.evolution.mutation
    nodes, connections = _vary_structure(
        module.nodes,
        module.connections,
        config,
        innovations,
        draws,
        counts,
        lambda id: random_node(id, space, draws),
        space.max_module_nodes,
    )
    join = module.join
    if draws.uniform() < rates.switch_join and len(space.joins) > 1:
        join = draws.choice([other for other in space.joins if other != join])
        counts["mutated_switch_join"] += 1
    return Module(
        module.id,
        tuple([vary_node(node, space, rates, draws) for node in nodes]),
        connections,
        join,
        module.parents,
        module.birth,
    )


def mutate_blueprint(
    blueprint: Blueprint,
    config: Config,
    innovations: Innovations,
    draws: Draws,
    counts: Counter[str],
    species: Sequence[int],
) -> Blueprint:
    """Return a mutant of `blueprint` with the same id, parents and birth.

    Args:
        counts: As in mutate_module.
        species: Ids of the living module species.
    """
    space, rates = config.search_space, config.evolution.mutation
    nodes, connections = _vary_structure(
        blueprint.nodes,
        blueprint.connections,
        config,
        innovations,
        draws,
        counts,
        lambda id: BlueprintNode(id, draws.choice(species)),
        space.max_blueprint_nodes,
    )
    if len(species) > 1:
        nodes = tuple([_repoint(node, species, rates.repoint, draws, counts) for node in nodes])
    rate = blueprint.learning_rate
    if rate is not None:
        rate = vary_learning_rate(rate, config.evolution.learning_rate, rates, draws)
    return Blueprint(
        blueprint.id,
        nodes,
        connections,
        tuple([vary_dense(units, space, rates, draws) for units in blueprint.dense]),
        rate,
        blueprint.retained,
        blueprint.parents,
        blueprint.birth,
    )


def _repoint(
    node: BlueprintNode,
    species: Sequence[int],
    rate: float,
    draws: Draws,
    counts: Counter[str],
) -> BlueprintNode:
    if draws.uniform() >= rate:
        return node
    counts["mutated_repoint"] += 1
    return BlueprintNode(
        node.id, draws.choice([other for other in species if other != node.species])
    )


def _vary_structure(
    nodes: tuple[NodeT, ...],
    connections: tuple[Connection, ...],
    config: Config,
    innovations: Innovations,
    draws: Draws,
    counts: Counter[str],
    new_node: Callable[[int], NodeT],
    most: int,
) -> tuple[tuple[NodeT, ...], tuple[Connection, ...]]:
    rates, uniform = config.evolution.mutation, draws.uniform
    if uniform() < rates.add_node:
        try:
            nodes, connections = add_node(nodes, connections, innovations, draws, new_node, most)
            counts["mutated_add_node"] += 1
        except Rejected as rejected:
            counts[f"mutation_{rejected.reason}"] += 1
    if uniform() < rates.remove_node:
        try:
            nodes, connections = remove_node(nodes, connections, innovations, draws)
            counts["mutated_remove_node"] += 1
        except Rejected as rejected:
            counts[f"mutation_{rejected.reason}"] += 1
    if uniform() < rates.add_connection:
        try:
            connections = add_connection(nodes, connections, innovations, draws)
            counts["mutated_add_connection"] += 1
        except Rejected as rejected:
            counts[f"mutation_{rejected.reason}"] += 1
    if uniform() < rates.remove_connection:
        try:
            connections = remove_connection(connections, draws)
            counts["mutated_remove_connection"] += 1
        except Rejected as rejected:
            counts[f"mutation_{rejected.reason}"] += 1
    if uniform() < rates.toggle_connection:
        try:
            connections = toggle_connection(connections, draws)
            counts["mutated_toggle_connection"] += 1
        except Rejected as rejected:
            counts[f"mutation_{rejected.reason}"] += 1
    return nodes, connections
