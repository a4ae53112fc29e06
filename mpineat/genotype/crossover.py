"""Crossover, aligned by innovation numbers (Stanley and Miikkulainen 2002, section 3.2).

Matching genes come from either parent; disjoint and excess genes come from the fitter one, so the
offspring has the fitter parent's graph and is valid but for connections that the other disabled.
"""

from __future__ import annotations

from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import OUTPUT, Connection
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.graph import all_on_paths
from mpineat.genotype.hyperparameters import cross_hyperparameters
from mpineat.genotype.structure import NodeT

STAYS_DISABLED = 0.75  # NEAT: a gene disabled in one parent is disabled in the offspring


def cross_modules(fitter: Module, other: Module, id: int, birth: int, draws: Draws) -> Module:
    """Return the offspring of two modules."""
    return Module(
        id,
        _cross_nodes(fitter.nodes, other.nodes, draws),
        _cross_connections(fitter.connections, other.connections, draws),
        fitter.join if draws.uniform() < 0.5 else other.join,
        (fitter.id, other.id),
        birth,
    )


def cross_blueprints(
    fitter: Blueprint, other: Blueprint, id: int, birth: int, draws: Draws
) -> Blueprint:
    """Return the offspring of two blueprints; it retains modules as the fitter parent does."""
    uniform = draws.uniform
    dense = [a if uniform() < 0.5 else b for a, b in zip(fitter.dense, other.dense, strict=True)]
    return Blueprint(
        id,
        _cross_nodes(fitter.nodes, other.nodes, draws),
        _cross_connections(fitter.connections, other.connections, draws),
        tuple(dense),
        cross_hyperparameters(fitter.training, other.training, draws),
        fitter.retained,
        (fitter.id, other.id),
        birth,
    )


def _cross_nodes(
    fitter: tuple[NodeT, ...], other: tuple[NodeT, ...], draws: Draws
) -> tuple[NodeT, ...]:
    uniform = draws.uniform
    matching = {node[0]: node for node in other}
    return tuple([matching.get(node[0], node) if uniform() < 0.5 else node for node in fitter])


def _cross_connections(
    fitter: tuple[Connection, ...], other: tuple[Connection, ...], draws: Draws
) -> tuple[Connection, ...]:
    if fitter == other:
        return fitter
    # Few genes are disabled at all, so these lists are short and tell soonest who differs.
    here = [gene[0] for gene in fitter if not gene[3]]
    there = [gene[0] for gene in other if not gene[3]]
    if here == there:
        return fitter
    differing = {*here}.symmetric_difference(there)
    differing.intersection_update([gene[0] for gene in other])
    if not differing:
        return fitter
    crossed = tuple(
        [
            Connection(gene[0], gene[1], gene[2], draws.uniform() >= STAYS_DISABLED)
            if gene[0] in differing
            else gene
            for gene in fitter
        ]
    )
    if crossed == fitter:
        return fitter
    nodes = {gene[2] for gene in fitter if gene[3]} - {OUTPUT}
    return crossed if all_on_paths(nodes, crossed) else fitter
