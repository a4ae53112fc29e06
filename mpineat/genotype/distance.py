"""Compatibility distance over whole populations, after Stanley and Miikkulainen 2002, equation 1.

    distance = structure * (genes that only one has) / (genes of both together)
             + settings * (mean difference of the settings that both have)

Both terms lie in [0, 1]. NEAT divides by the larger genome's genes; the union keeps small genomes
comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Config, Distance
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.hyperparameters import scaled
from mpineat.genotype.settings import shares_of_filters

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Block:
    """Genes of one sort of many genomes, one genome's after another's.

    Attributes:
        first: [genomes + 1] where each genome's genes begin.
        keys: [genes] what makes two genes the same: the rank of a node id or innovation number.
        numbers: [n][genes] numeric settings, scaled to [0, 1].
        kinds: [k][genes] settings that are equal or not.
    """

    first: Integers
    keys: Integers
    numbers: tuple[Floats, ...]
    kinds: tuple[Integers, ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """Genomes laid out for `distances`: their own settings, their nodes, their connections."""

    count: int
    blocks: tuple[Block, ...]
    owners: tuple[Integers, ...]  # for each block, the index of each gene's genome


def distances(packed: Packed, index: int, weights: Distance) -> Floats:
    """Return the distance of every packed genome to the one at `index`."""
    unmatched, union, summed, settings = (np.zeros(packed.count) for _ in range(4))
    for block, owner in zip(packed.blocks, packed.owners, strict=True):
        start, end = block.first[index], block.first[index + 1]
        position = np.full(int(block.keys.max(initial=0)) + 1, -1, np.int64)
        position[block.keys[start:end]] = np.arange(start, end)
        partner = position[block.keys]
        shared = np.flatnonzero(partner >= 0)
        partner, shared_owner = partner[shared], owner[shared]
        matching = np.bincount(shared_owner, minlength=packed.count)
        sizes = np.diff(block.first)
        union += sizes + (end - start) - matching
        unmatched += sizes + (end - start) - 2 * matching
        difference = np.zeros(len(shared))
        for numbers in block.numbers:
            difference += np.abs(numbers[shared] - numbers[partner])
        for kinds in block.kinds:
            difference += kinds[shared] != kinds[partner]
        summed += np.bincount(shared_owner, weights=difference, minlength=packed.count)
        settings += matching * (len(block.numbers) + len(block.kinds))
    return weights.structure * unmatched / union + weights.settings * summed / settings


def pack_modules(modules: Sequence[Module], config: Config) -> Packed:
    """Lay out modules for `distances`."""
    space = config.search_space
    kernels = {size: rank for rank, size in enumerate(sorted(space.kernel_sizes))}
    joins: dict[str, int] = {name: code for code, name in enumerate(space.joins)}
    kinds = ((3, space.neighbours), *_chosen(((5, space.convolutions), (6, space.activations))))
    nodes = list(chain.from_iterable([module.nodes for module in modules]))
    return _packed(
        modules,
        _own_settings(len(modules), (), (_integers([joins[module.join] for module in modules]),)),
        Block(
            _first([len(module.nodes) for module in modules]),
            _keys(nodes),
            (
                shares_of_filters(_field(1, nodes), space),
                _scaled(_field(4, nodes, np.float64), space.dropout),
                _scaled(_integers([kernels[node[2]] for node in nodes]), (0, len(kernels) - 1)),
            ),
            tuple(_codes(place, choices, nodes) for place, choices in kinds),
        ),
    )


def pack_blueprints(blueprints: Sequence[Blueprint], config: Config) -> Packed:
    """Lay out blueprints for `distances`."""
    dense = [
        _scaled(_integers([one.dense[i] for one in blueprints]), config.search_space.dense_units)
        for i in range(config.search_space.dense_layers)
    ]
    numbers, kinds = scaled([blueprint.training for blueprint in blueprints], config)
    nodes = list(chain.from_iterable([blueprint.nodes for blueprint in blueprints]))
    reductions = _chosen(((2, config.search_space.reductions),))
    return _packed(
        blueprints,
        _own_settings(len(blueprints), (*dense, *numbers), kinds),
        Block(
            _first([len(blueprint.nodes) for blueprint in blueprints]),
            _keys(nodes),
            (),
            (_field(1, nodes), *(_codes(place, choices, nodes) for place, choices in reductions)),
        ),
    )


def _packed(genomes: Sequence[Module] | Sequence[Blueprint], own: Block, nodes: Block) -> Packed:
    genes = list(chain.from_iterable([genome.connections for genome in genomes]))
    connections = Block(
        _first([len(genome.connections) for genome in genomes]),
        _keys(genes),
        (),
        (_field(3, genes),),
    )
    blocks = (own, nodes, connections)
    owners = tuple(np.repeat(np.arange(len(genomes)), np.diff(block.first)) for block in blocks)
    return Packed(len(genomes), blocks, owners)


def _own_settings(count: int, numbers: tuple[Floats, ...], kinds: tuple[Integers, ...]) -> Block:
    return Block(np.arange(count + 1), np.zeros(count, np.int64), numbers, kinds)


def _first(sizes: Sequence[int]) -> Integers:
    first = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=first[1:])
    return first


def _keys(genes: Sequence[tuple[Any, ...]]) -> Integers:
    """Return what makes genes the same, numbered from 0: `distances` makes a table of it."""
    return np.unique(_field(0, genes), return_inverse=True)[1].astype(np.int64)


def _field(place: int, genes: Sequence[tuple[Any, ...]], kind: type = np.int64) -> NDArray[Any]:
    return np.fromiter(map(itemgetter(place), genes), kind, len(genes))


def _chosen(settings: Iterable[tuple[int, Sequence[str]]]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield those settings, by their place in the gene, that have more than one choice."""
    return ((place, choices) for place, choices in settings if len(choices) > 1)


def _codes(place: int, choices: Sequence[str], genes: Sequence[tuple[Any, ...]]) -> Integers:
    codes = {name: code for code, name in enumerate(choices)}
    return _integers([codes[gene[place]] for gene in genes])


def _integers(values: Sequence[int]) -> Integers:
    return np.fromiter(values, np.int64, len(values))


def _scaled(values: NDArray[Any], bounds: tuple[float, float]) -> Floats:
    scaled = values.astype(np.float64) - bounds[0]
    span = bounds[1] - bounds[0]
    return np.asarray(scaled / span if span > 0 else scaled * 0.0)
