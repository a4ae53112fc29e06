"""Genomes from nothing: the chains of generation 0 and the graphs of random search."""

from __future__ import annotations

from collections.abc import Sequence

from mpineat.config import Config, SearchSpace
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.hyperparameters import random_hyperparameters
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.settings import one_of, random_node
from mpineat.genotype.structure import Rejected, add_connection

NO_REDUCTION = "none"  # of a blueprint's node that begins no stage


def random_module(
    id: int,
    birth: int,
    sizes: tuple[int, int],
    config: Config,
    innovations: Innovations,
    draws: Draws,
) -> Module:
    """Return a chain of `sizes` (fewest, most) random convolutions."""
    ids, connections = _chain(draws.between(sizes), innovations)
    space = config.search_space
    nodes = tuple([random_node(node, space, draws) for node in ids])
    return Module(id, nodes, connections, draws.choice(space.joins), (), birth)


def random_blueprint(
    id: int,
    birth: int,
    sizes: tuple[int, int],
    config: Config,
    innovations: Innovations,
    draws: Draws,
    species: Sequence[int],
) -> Blueprint:
    """Return a chain of `sizes` (fewest, most) nodes that point to random ones of `species`.

    With search_space.reductions its nodes are divided evenly among several stages.
    """
    ids, connections = _chain(draws.between(sizes), innovations)
    space, evolution = config.search_space, config.evolution
    training = random_hyperparameters(evolution, draws) if evolution.evolve_training else None
    nodes = tuple([BlueprintNode(node, draws.choice(species)) for node in ids])
    if space.has_stages:
        nodes = _in_stages(nodes, space, draws)
    return Blueprint(
        id,
        nodes,
        connections,
        tuple([draws.between(space.dense_units) for _ in range(space.dense_layers)]),
        training,
        (),
        (),
        birth,
    )


def stage_starts(length: int, reductions: int) -> frozenset[int]:
    """Return which places of a chain begin a stage, so that the stages are evenly long.

    A chain shorter than that has fewer of them.
    """
    return frozenset(length * number // (reductions + 1) for number in range(1, reductions + 1))


def _in_stages(
    nodes: tuple[BlueprintNode, ...], space: SearchSpace, draws: Draws
) -> tuple[BlueprintNode, ...]:
    kinds = [kind for kind in space.reductions if kind != NO_REDUCTION]
    starts = stage_starts(len(nodes), draws.between(space.initial_reductions))
    return tuple(
        [
            node._replace(reduction=one_of(kinds, draws)) if place in starts else node
            for place, node in enumerate(nodes)
        ]
    )


def random_shortcuts(
    genome: Module | Blueprint, innovations: Innovations, draws: Draws
) -> tuple[Connection, ...]:
    """Return the genome's connections and none to as many random ones more as it has nodes."""
    connections, ids = genome.connections, [node.id for node in genome.nodes]
    for _ in range(draws.between((0, len(genome.nodes)))):
        try:
            connections = add_connection(ids, connections, innovations, draws)
        except Rejected:  # every pair of nodes is connected
            break
    return connections


def _chain(length: int, innovations: Innovations) -> tuple[list[int], tuple[Connection, ...]]:
    """Return node ids and connections, which chains share: each grows by splits at its end."""
    gene = innovations.connect(INPUT, OUTPUT)
    ids: list[int] = []
    connections = []
    for _ in range(length):
        node = innovations.split(gene)
        connections.append(innovations.connect(gene.source, node))
        gene = innovations.connect(node, OUTPUT)
        ids.append(node)
    return ids, tuple([*connections, gene])
