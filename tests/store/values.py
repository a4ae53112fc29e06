"""Generations with everything in them that a generation can hold, drawn by hypothesis."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mpineat.evolution.state import Population, Species, State
from mpineat.genotype.genes import (
    INPUT,
    OUTPUT,
    BlueprintNode,
    Connection,
    Hyperparameters,
    ModuleNode,
)
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.store import Generation
from mpineat.tasks import Compressed, Epoch, Outcome, Seconds

IDS = st.integers(0, 2**31 - 1) | st.integers(2**31, 2**60)
SMALL = st.integers(0, 9)
SIZES = st.integers(1, 9)
NUMBERS = st.floats(allow_nan=False)
RATES = st.floats(0, 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=()))
NAMES = st.text("abcdefgh_0123", min_size=1, max_size=8)


@st.composite
def graphs(draw: st.DrawFn, nodes: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Draw a genome's nodes in a row, and connections along the row and perhaps past it."""
    ids = sorted(draw(st.sets(IDS.map(lambda id: id + 2), min_size=1, max_size=4)))
    pairs = [*pairwise((INPUT, *ids, OUTPUT)), *([(INPUT, OUTPUT)] if draw(st.booleans()) else [])]
    numbers = draw(st.sets(IDS, min_size=len(pairs), max_size=len(pairs)))
    return {
        "nodes": tuple(draw(nodes)._replace(id=id) for id in ids),
        "connections": tuple(
            Connection(number, source, target, (source, target) != (INPUT, OUTPUT))
            for number, (source, target) in zip(sorted(numbers), pairs, strict=True)
        ),
    }


PARENTS = st.lists(IDS, max_size=2).map(tuple)
MODULE_NODES = st.builds(
    ModuleNode,
    IDS,
    SIZES,
    SIZES,
    st.sampled_from(("none", "max_pooling", "dropout")),
    RATES,
    st.sampled_from(("full", "separable")),
    st.sampled_from(("relu", "swish")),
)
REDUCTIONS = st.sampled_from(("none", "stride", "max_pooling"))
MODULES = st.builds(
    lambda graph, **fields: Module(**graph, **fields),
    graphs(MODULE_NODES),
    id=SMALL,
    join=st.sampled_from(("add", "concat", "residual")),
    parents=PARENTS,
    birth=SMALL,
)
HYPERPARAMETERS = st.builds(
    Hyperparameters,
    RATES,
    st.none() | RATES,
    *[st.none() | st.booleans()] * 2,
    *[st.none() | RATES] * 7,
)
BLUEPRINTS = st.builds(
    lambda graph, **fields: Blueprint(**graph, **fields),
    graphs(st.builds(BlueprintNode, IDS, SMALL, REDUCTIONS)),
    id=SMALL,
    dense=st.lists(SIZES, max_size=3).map(tuple),
    training=st.none() | HYPERPARAMETERS,
    retained=st.lists(st.tuples(SMALL, IDS), max_size=3).map(tuple),
    parents=PARENTS,
    birth=SMALL,
)


def network(units: list[int]) -> dict[str, Any]:
    """Return the JSON of a network of dense layers."""
    names = ["input", "flat", *(f"dense_{number}" for number in range(len(units)))]
    dense = [
        {"name": name, "op": "dense", "inputs": [before], "units": size, "activation": None}
        for (before, name), size in zip(pairwise(names[1:]), units, strict=True)
    ]
    layers = [{"name": "flat", "op": "flatten", "inputs": ["input"]}, *dense]
    return {"input_shape": [8, 8, 1], "layers": layers, "output": names[-1]}


NETWORKS = st.lists(SIZES, max_size=3).map(network)
RECORDS = st.builds(
    Compressed,
    dead_at_start=st.dictionaries(NAMES, RATES, max_size=3),
    alive=st.lists(st.tuples(SMALL, IDS), max_size=3).map(tuple),
    widths=st.dictionaries(NAMES, st.tuples(SMALL, SMALL), max_size=3),
    step_seconds=st.tuples(RATES, RATES),
    removed=st.lists(NAMES, unique=True, max_size=2).map(tuple),
)


def points(metric: bool) -> st.SearchStrategy[Epoch]:
    """Draw an epoch, with a value of another metric or without."""
    return st.builds(
        Epoch,
        epoch=SMALL,
        loss=NUMBERS,
        accuracy=RATES,
        val_loss=NUMBERS,
        val_accuracy=RATES,
        val_metric=RATES if metric else st.none(),
    )


LABELS = st.integers(0, 999)
CONFUSIONS = st.dictionaries(st.tuples(LABELS, LABELS), SIZES, max_size=3).map(
    lambda cells: tuple((*pair, images) for pair, images in cells.items())
)
NUMBERS_BY_NAME = st.dictionaries(NAMES, RATES, max_size=3)
SECONDS = st.builds(Seconds, queue=RATES, total=RATES, stages=NUMBERS_BY_NAME)
ARRAYS = hnp.arrays(
    hnp.boolean_dtypes()
    | hnp.integer_dtypes()
    | hnp.unsigned_integer_dtypes()
    | hnp.floating_dtypes()
    | hnp.complex_number_dtypes(),
    hnp.array_shapes(min_dims=0, min_side=0, max_dims=4, max_side=4),
)


def judged(accuracy: float | None, metric: float | None, confusion: Any, **fields: Any) -> Outcome:
    """Return an outcome that was judged, or that failed."""
    if accuracy is None:
        return Outcome(status="failed", **fields)
    return Outcome(status="ok", accuracy=accuracy, metric=metric, confusion=confusion, **fields)


def outcomes(candidate: int, metric: bool = False) -> st.SearchStrategy[Outcome]:
    """Draw an outcome of one candidate, judged by another metric than accuracy or by that."""
    return st.builds(
        judged,
        st.none() | RATES,
        RATES if metric else st.none(),
        CONFUSIONS,
        candidate=st.just(candidate),
        network_hash=NAMES,
        fault=st.sampled_from(("", "candidate", "machine")),
        reason=st.sampled_from(("", "nan", "killed")),
        detail=TEXTS,
        loss=st.none() | NUMBERS,
        flops_before=IDS,
        flops_after=IDS,
        parameters_before=IDS,
        parameters_after=IDS,
        network_before=st.none() | NETWORKS,
        network_after=st.none() | NETWORKS,
        compressed=st.none() | RECORDS,
        curve=st.lists(points(metric), max_size=3).map(tuple),
        seconds=SECONDS,
        started=st.floats(0, 1e12),
        rank=SMALL,
        host=TEXTS,
        device=TEXTS,
        attempts=SIZES,
        reused_from=st.none() | st.integers(0, candidate - 1) if candidate else st.none(),
        context=NUMBERS_BY_NAME,
    )


@st.composite
def populations(draw: st.DrawFn, genomes: st.SearchStrategy[Any], most: int = 6) -> Population[Any]:
    """Draw genomes and a partition of them into species."""
    members = draw(st.lists(genomes, unique_by=lambda genome: genome.id, max_size=most))
    members.sort(key=lambda genome: genome.id)
    species_of = {genome.id: draw(st.integers(0, 2)) for genome in members}
    species = tuple(
        Species(
            id=number,
            representative=draw(st.sampled_from(members) | genomes),
            members=tuple(id for id, its in species_of.items() if its == number),
            best_fitness=draw(st.none() | RATES),
            age=draw(SMALL),
            stagnation=draw(SMALL),
        )
        for number in sorted(set(species_of.values()))
    )
    some = st.sampled_from([genome.id for genome in members]) if members else st.nothing()
    return Population(
        genomes=tuple(members),
        species=species,
        threshold=draw(RATES),
        fitness=draw(st.dictionaries(some, RATES)),
        uses=draw(st.dictionaries(some, SMALL)),
        next_innovation=2**61 + draw(IDS) // 2,  # beyond those of candidates too
        next_genome=10 + draw(SMALL),
        next_species=3 + draw(SMALL),
    )


def pointing(modules: Population[Module]) -> st.SearchStrategy[Blueprint]:
    """Draw blueprints that point to species of these modules."""
    known = [one.id for one in modules.species]

    def pointed(blueprint: Blueprint) -> Blueprint:
        nodes = (n._replace(species=known[n.species % len(known)]) for n in blueprint.nodes)
        return blueprint._replace(nodes=tuple(nodes))

    return BLUEPRINTS.map(pointed)


@st.composite
def generations(draw: st.DrawFn) -> Generation:
    """Draw a generation whose candidates also hold genomes that changed or are gone."""
    modules = draw(populations(MODULES))
    state = State(
        generation=draw(st.integers(0, 99)),
        evaluated=True,
        modules=modules,
        blueprints=draw(populations(pointing(modules), 6 if modules.species else 0)),
        next_candidate=2**61,
        counts=draw(st.dictionaries(TEXTS, IDS, max_size=3)),
        events=tuple(draw(st.lists(TEXTS, max_size=3))),
        context=draw(NUMBERS_BY_NAME),
        memory=draw(st.dictionaries(NAMES, ARRAYS, max_size=2)),
    )
    modules, blueprints = MODULES, BLUEPRINTS
    if state.modules.genomes:
        living = st.sampled_from(state.modules.genomes)
        modules = modules | living | living.map(lambda module: module._replace(birth=10))
    if state.blueprints.genomes:
        blueprints = blueprints | st.sampled_from(state.blueprints.genomes)

    def candidate(id: int) -> Candidate:
        blueprint = draw(blueprints)
        pointers = sorted({node.species for node in blueprint.nodes})
        parts = tuple((species, draw(modules)) for species in pointers)
        return Candidate(id, draw(SMALL), blueprint, parts)

    ids = draw(st.lists(IDS, unique=True, max_size=4))
    candidates = tuple(map(candidate, ids))
    finished = draw(st.permutations(ids))[: draw(st.integers(0, len(ids)))]
    metric = draw(st.booleans())
    return Generation(
        state=state,
        candidates=candidates,
        outcomes=tuple(draw(outcomes(id, metric)) for id in finished),
        run_id=draw(NAMES),
        seed=draw(st.integers(0, 2**63 - 1)),
        config=draw(TEXTS),
        created="2026-01-31T12:00:00Z",
        seconds=draw(st.floats(0, 1e9)),
        parent_sha256=draw(st.sampled_from(("", "ab" * 32))),
    )
