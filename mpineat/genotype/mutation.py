"""Mutation of modules and blueprints: structure first, then settings.

A generation's offspring are mutated together: chance decides in arrays what happens to whom, so a
genome costs no more than the mutations that befall it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from mpineat.config import Config
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.hyperparameters import vary_hyperparameters
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.settings import random_node, switch, vary_counts, vary_nodes
from mpineat.genotype.structure import (
    NodeT,
    Rejected,
    add_connection,
    add_node,
    remove_connection,
    remove_node,
    toggle_connection,
)


class Mutation:
    """The mutations of one population in one generation.

    Attributes:
        birth: The generation that the mutants are born for.
        counts: Gains the mutations made, by kind, and those rejected, by reason.
    """

    def __init__(
        self,
        config: Config,
        birth: int,
        innovations: Innovations,
        draws: Draws,
        counts: Counter[str],
    ) -> None:
        self.space, self.rates = config.search_space, config.evolution.mutation
        self.config = config
        self.birth, self.innovations, self.draws, self.counts = birth, innovations, draws, counts

    def modules(
        self, modules: Sequence[Module], ids: Sequence[int], parents: Sequence[tuple[int, ...]]
    ) -> list[Module]:
        """Return a mutant of each module, with the id and parents given for it."""
        space, rates, rng = self.space, self.rates, self.draws.rng
        nodes = [module.nodes for module in modules]
        connections = [module.connections for module in modules]
        self._vary_structure(nodes, connections, self._new_convolution, space.max_module_nodes)
        old = np.array([space.joins.index(module.join) for module in modules])
        joins = switch(old, len(space.joins), rates.switch_join, rng)
        self.counts["mutated_switch_join"] += int((joins != old).sum())
        join_names = [space.joins[code] for code in joins.tolist()]
        varied = vary_nodes(nodes, space, rates, rng)
        births = [self.birth] * len(modules)
        return list(map(Module, ids, varied, connections, join_names, parents, births))

    def blueprints(
        self,
        blueprints: Sequence[Blueprint],
        ids: Sequence[int],
        parents: Sequence[tuple[int, ...]],
        species: Sequence[int],
    ) -> list[Blueprint]:
        """Return a mutant of each blueprint, with the id and parents given for it.

        Args:
            species: Ids of the living module species, which new pointers go to.
        """
        space, rates, draws = self.space, self.rates, self.draws
        nodes = [blueprint.nodes for blueprint in blueprints]
        connections = [blueprint.connections for blueprint in blueprints]
        self._vary_structure(
            nodes,
            connections,
            lambda id: BlueprintNode(id, draws.choice(species)),
            space.max_blueprint_nodes,
        )
        if len(species) > 1:
            self._repoint(nodes, species)
        if space.has_stages:
            self._switch_reductions(nodes)
        sizes_before = chain.from_iterable([blueprint.dense for blueprint in blueprints])
        dense = np.fromiter(sizes_before, np.int64).reshape(len(blueprints), -1)
        units = vary_counts(dense, space.dense_units, rates, draws.rng).tolist()
        return [
            Blueprint(id, own, links, tuple(sizes), training, old.retained, ancestors, self.birth)
            for id, own, links, sizes, training, old, ancestors in zip(
                ids,
                nodes,
                connections,
                units,
                vary_hyperparameters([old.training for old in blueprints], self.config, draws.rng),
                blueprints,
                parents,
                strict=True,
            )
        ]

    def _new_convolution(self, id: int) -> ModuleNode:
        return random_node(id, self.space, self.draws)

    def _repoint(self, genomes: list[tuple[BlueprintNode, ...]], species: Sequence[int]) -> None:
        most = max(map(len, genomes))
        others = {id: [other for other in species if other != id] for id in species}
        for place, i in self.draws.events(len(genomes), [self.rates.repoint] * most):
            nodes = genomes[place]
            if i < len(nodes):
                choices = others.get(nodes[i].species, species)
                node = nodes[i]._replace(species=self.draws.choice(choices))
                genomes[place] = (*nodes[:i], node, *nodes[i + 1 :])
                self.counts["mutated_repoint"] += 1

    def _switch_reductions(self, genomes: list[tuple[BlueprintNode, ...]]) -> None:
        choices, most = self.space.reductions, max(map(len, genomes))
        for place, i in self.draws.events(len(genomes), [self.rates.switch_reduction] * most):
            nodes = genomes[place]
            if i < len(nodes):
                others = [kind for kind in choices if kind != nodes[i].reduction]
                node = nodes[i]._replace(reduction=self.draws.choice(others))
                genomes[place] = (*nodes[:i], node, *nodes[i + 1 :])
                self.counts["mutated_switch_reduction"] += 1

    def _vary_structure(
        self,
        nodes: list[tuple[NodeT, ...]],
        connections: list[tuple[Connection, ...]],
        new_node: Callable[[int], NodeT],
        most: int,
    ) -> None:
        """Apply structural mutations in place, each genome's in the order of KINDS."""
        innovations, draws = self.innovations, self.draws
        for i, kind in draws.events(len(nodes), [getattr(self.rates, name) for name in KINDS]):
            name = KINDS[kind]
            try:
                if name == "add_node":
                    nodes[i], connections[i] = add_node(
                        nodes[i], connections[i], innovations, draws, new_node, most
                    )
                elif name == "remove_node":
                    nodes[i], connections[i] = remove_node(
                        nodes[i], connections[i], innovations, draws
                    )
                elif name == "add_connection":
                    ids = [node.id for node in nodes[i]]
                    connections[i] = add_connection(ids, connections[i], innovations, draws)
                elif name == "remove_connection":
                    connections[i] = remove_connection(connections[i], draws)
                else:
                    connections[i] = toggle_connection(connections[i], draws)
                self.counts[f"mutated_{name}"] += 1
            except Rejected as rejected:
                self.counts[f"mutation_{rejected.reason}"] += 1


KINDS = ("add_node", "remove_node", "add_connection", "remove_connection", "toggle_connection")
