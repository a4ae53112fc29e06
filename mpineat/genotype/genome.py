"""Module and Blueprint: the two kinds of genome, as immutable values (Miikkulainen et al. 2017).

Named tuples like their genes, and for the same reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

from mpineat.genotype.genes import BlueprintNode, Connection, Hyperparameters, ModuleNode
from mpineat.wire import Count, Positive, Series


class Module(NamedTuple):
    """A small graph of convolutions.

    Attributes:
        nodes: Hidden nodes, ascending by id; INPUT and OUTPUT have no gene.
        connections: Ascending by innovation number. The enabled ones form an acyclic graph in which
            every node lies on a path from INPUT to OUTPUT.
        join: How a node with several inputs joins them; "residual" adds them, and the module's
            input to its output.
        parents: Ids of the genomes that it was bred from; empty in generation 0.
        birth: Generation that it was bred for.
    """

    id: Count
    nodes: Series[ModuleNode]
    connections: Series[Connection]
    join: Annotated[str, StringConstraints(pattern="^(add|concat|residual)$")]
    parents: Series[Count] = ()
    birth: Count = 0


class Blueprint(NamedTuple):
    """A graph whose nodes point to module species.

    Attributes:
        nodes, connections, parents, birth: As in Module.
        dense: Units of each dense layer before the output layer.
        training: How its candidates are trained; None where `evolution.evolve_training` is off.
        retained: (species, module id) pairs: the module that served a species pointer best so far.
    """

    id: Count
    nodes: Series[BlueprintNode]
    connections: Series[Connection]
    dense: Series[Positive]
    training: Hyperparameters | None = None
    retained: Series[tuple[Count, Count]] = ()
    parents: Series[Count] = ()
    birth: Count = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is assembled, compressed, trained and judged as one network.

    Attributes:
        id: Unique in a run, ascending in the order of asking.
        modules: (species, module) pairs, ascending by species: one for each species of the
            blueprint's nodes.
    """

    id: Count
    generation: Count
    blueprint: Blueprint
    modules: Series[tuple[Count, Module]]
