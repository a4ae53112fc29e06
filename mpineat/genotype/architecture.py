"""Architecture: the genome of a whole network, a blueprint with modules of its own.

Its genes have numbers that follow from their places, so equal graphs have equal genes however and
whenever they arose: what innovation numbers are to a population, over a whole history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from mpineat.config import Config
from mpineat.genotype.creation import random_blueprint, random_module, random_shortcuts
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import INPUT, OUTPUT, Connection
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.graph import sources_by_target
from mpineat.genotype.innovation import Innovations

GenomeT = TypeVar("GenomeT", Module, Blueprint)

NEW = -1  # id of a genome without a parent, until it is a candidate's


class Architecture(NamedTuple):
    """A blueprint whose nodes point to slots, and the module in each slot.

    Attributes:
        modules: (slot, module) pairs: slots are numbered in the order in which the blueprint's
            nodes name them, from 0. In a Candidate they are the species.
    """

    blueprint: Blueprint
    modules: tuple[tuple[int, Module], ...]

    @property
    def content(self) -> object:
        """What makes two of them equal, whatever their ids and parents."""
        own = self.blueprint
        modules = [(module.nodes, module.connections, module.join) for _, module in self.modules]
        return own.nodes, own.connections, own.dense, own.training, tuple(modules)

    def candidate(self, id: int, generation: int, slots: int) -> Candidate:
        """Return it as a candidate; the ids of its genomes follow from the candidate's.

        The genomes that it has now become the parents.
        """
        born = [
            (slot, own._replace(id=id * slots + slot, birth=generation, parents=_parents(own)))
            for slot, own in self.modules
        ]
        blueprint = self.blueprint._replace(
            id=id,
            retained=tuple([(slot, module.id) for slot, module in born]),
            parents=_parents(self.blueprint),
            birth=generation,
        )
        return Candidate(id, generation, blueprint, tuple(born))


def random_architecture(config: Config, draws: Draws) -> Architecture:
    """Return one drawn from the whole search space, as random search draws its genomes."""
    space, innovations = config.search_space, Innovations(OUTPUT + 1)
    slots = range(config.evolution.module_species)
    sizes = (1, space.max_blueprint_nodes)
    blueprint = random_blueprint(NEW, 0, sizes, config, innovations, draws, slots)
    shortcuts = random_shortcuts(blueprint, innovations, draws)
    blueprint = numbered(blueprint._replace(connections=shortcuts), space.max_blueprint_nodes)
    return arranged(blueprint, {}, config, draws)


def small_architecture(config: Config, draws: Draws) -> Architecture:
    """Return a chain of chains, of the sizes that generation 0 of CoDeepNEAT has."""
    space = config.search_space
    slots = range(config.evolution.module_species)
    sizes, node_sizes = space.initial_blueprint_nodes, space.initial_module_nodes
    blueprint = random_blueprint(NEW, 0, sizes, config, Innovations(OUTPUT + 1), draws, slots)
    modules = {
        slot: random_module(NEW, 0, node_sizes, config, Innovations(OUTPUT + 1), draws)
        for slot in sorted({node.species for node in blueprint.nodes})
    }
    own = {slot: numbered(module, space.max_module_nodes) for slot, module in modules.items()}
    return arranged(numbered(blueprint, space.max_blueprint_nodes), own, config, draws)


def new_module(config: Config, draws: Draws) -> Module:
    """Return a module of any size, with random shortcuts."""
    innovations, most = Innovations(OUTPUT + 1), config.search_space.max_module_nodes
    module = random_module(NEW, 0, (1, most), config, innovations, draws)
    shortcuts = random_shortcuts(module, innovations, draws)
    return numbered(module._replace(connections=shortcuts), most)


def arranged(
    blueprint: Blueprint, modules: Mapping[int, Module], config: Config, draws: Draws
) -> Architecture:
    """Return the architecture of numbered genomes, with its slots in their order.

    Args:
        modules: By what the blueprint's nodes point to; one that is missing is drawn.
    """
    slots: dict[int, int] = {}
    found = []
    for node in blueprint.nodes:
        if node.species not in slots:
            module = modules.get(node.species) or new_module(config, draws)
            found.append((len(slots), module))
            slots[node.species] = len(slots)
    nodes = tuple([node._replace(species=slots[node.species]) for node in blueprint.nodes])
    return Architecture(blueprint._replace(nodes=nodes), tuple(found))


def numbered(genome: GenomeT, most: int) -> GenomeT:
    """Return the genome with its enabled genes alone, numbered by their places.

    Args:
        most: Nodes that such a genome can have.
    """
    order = sources_by_target(genome.connections)
    ids = {INPUT: INPUT, OUTPUT: OUTPUT}
    ids |= {node: id for id, node in enumerate((n for n in order if n != OUTPUT), OUTPUT + 1)}
    nodes: Any = sorted([node._replace(id=ids[node.id]) for node in genome.nodes])
    connections = [
        edge(ids[source], ids[target], most)
        for target, sources in order.items()
        for source in sources
    ]
    return genome._replace(nodes=tuple(nodes), connections=tuple(sorted(connections)))


def edge(source: int, target: int, most: int) -> Connection:
    """Return the connection between two node ids that are places in a graph of at most `most`."""
    first, second = place(source, most), place(target, most)
    return Connection(most + 2 + second * (second - 1) // 2 + first, source, target, True)


def place(node: int, most: int) -> int:
    """Return where a node stands: INPUT first, OUTPUT behind as many nodes as there can be."""
    return {INPUT: 0, OUTPUT: most + 1}.get(node, node - 1)


def first_free(most: int) -> int:
    """Return the first number that no gene of such a graph has."""
    return edge(most + 1, OUTPUT, most).innovation + 1


def _parents(genome: Blueprint | Module) -> tuple[int, ...]:
    return () if genome.id == NEW else (genome.id,)
