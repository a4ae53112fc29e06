"""Morphisms: an architecture that grew from another, so that its network can compute the same.

Widen, deepen and skip (Chen et al. 2016; Elsken et al. 2017). Ids of nodes stay what they were,
unlike in `edits`: by them the larger network's layers are known as those of the smaller one.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpineat.config import Config
from mpineat.genotype.architecture import Architecture, GenomeT, first_free
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import INPUT, Connection
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.settings import random_node
from mpineat.genotype.structure import Rejected, add_connection

TRIES = 50  # morphisms that are impossible, before the architecture is left as it is


def grown(parent: Architecture, config: Config, draws: Draws) -> Architecture:
    """Return `parent` after a random morphism; what joins make of it, the network must say."""
    for _ in range(TRIES):
        slot = draws.between((-1, len(parent.modules) - 1))
        blueprint, modules = parent.blueprint, dict(parent.modules)
        try:
            if slot < 0:
                blueprint = draws.choice(OF_BLUEPRINTS)(blueprint, config, draws)
            else:
                modules[slot] = draws.choice(OF_MODULES)(modules[slot], config, draws)
        except Rejected:
            continue
        return Architecture(blueprint, tuple(sorted(modules.items())))
    return parent


def widen(module: Module, config: Config, draws: Draws) -> Module:
    """Give a convolution more filters, in every place where the module is used."""
    at = draws.between((0, len(module.nodes) - 1))
    node = module.nodes[at]
    filters = _more(node.filters, config.search_space.filters[1], draws)
    nodes = (*module.nodes[:at], node._replace(filters=filters), *module.nodes[at + 1 :])
    return module._replace(nodes=nodes)


def widen_dense(blueprint: Blueprint, config: Config, draws: Draws) -> Blueprint:
    """Give a dense layer more units."""
    if not blueprint.dense:
        raise Rejected("invalid")
    at = draws.between((0, len(blueprint.dense) - 1))
    units = _more(blueprint.dense[at], config.search_space.dense_units[1], draws)
    return blueprint._replace(dense=(*blueprint.dense[:at], units, *blueprint.dense[at + 1 :]))


def deepen(module: Module, config: Config, draws: Draws) -> Module:
    """Put a convolution of as many filters behind another, before one of those that read it."""
    space = config.search_space
    # A pooling would change the maps; a dropout does nothing outside of training.
    neighbours = [name for name in space.neighbours if name != "max_pooling"]
    if len(module.nodes) >= space.max_module_nodes:
        raise Rejected("too_large")
    if not neighbours or "relu" not in space.activations:  # of these only a ReLU passes on
        raise Rejected("invalid")
    # In front of the first convolution are values below 0, which a ReLU would not pass on.
    split = draws.choice([gene for gene in module.connections if gene.source != INPUT])
    filters = {node.id: node.filters for node in module.nodes}[split.source]
    node = random_node(max(n.id for n in module.nodes) + 1, space, draws)
    node = node._replace(filters=filters, neighbour=draws.choice(neighbours), activation="relu")
    kept = tuple([gene for gene in module.connections if gene != split])
    for source, target in ((split.source, node.id), (node.id, split.target)):
        kept = _connected(kept, source, target, space.max_module_nodes)
    return module._replace(nodes=(*module.nodes, node), connections=kept)


def skip_in_module(module: Module, config: Config, draws: Draws) -> Module:
    """Connect two of its nodes."""
    return _skip(module, config.search_space.max_module_nodes, draws)


def skip_in_blueprint(blueprint: Blueprint, config: Config, draws: Draws) -> Blueprint:
    """Connect two of its nodes."""
    return _skip(blueprint, config.search_space.max_blueprint_nodes, draws)


def _skip(genome: GenomeT, most: int, draws: Draws) -> GenomeT:
    ids = [node.id for node in genome.nodes]
    number = first_free(most)
    added = add_connection(ids, genome.connections, Innovations(number), draws)
    new = next(gene for gene in added if gene.innovation == number)
    return genome._replace(connections=_connected(genome.connections, new.source, new.target, most))


def _connected(
    connections: Sequence[Connection], source: int, target: int, most: int
) -> tuple[Connection, ...]:
    """Add a connection under the first free one of the numbers that such a graph's can have."""
    taken = {gene.innovation for gene in connections}
    number = next(n for n in range(most + 2, first_free(most)) if n not in taken)
    return tuple(sorted([*connections, Connection(number, source, target, True)]))


def _more(width: int, most: int, draws: Draws) -> int:
    if width >= most:
        raise Rejected("too_large")
    return draws.between((min(width + max(1, width // 4), most), min(2 * width, most)))


# As in `edits`: a blueprint and each module are chosen alike often.
OF_BLUEPRINTS = (widen_dense, skip_in_blueprint)
OF_MODULES = (widen, deepen, skip_in_module)
