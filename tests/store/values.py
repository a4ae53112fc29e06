"""Generations with everything in them that a generation can hold, drawn by hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mpineat.evolution.state import Population, Species, State
from mpineat.genotype.genes import BlueprintNode, Connection, Hyperparameters, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.store import Generation
from mpineat.tasks import Compressed, Epoch, Outcome, Seconds

IDS = st.integers(0, 2**31 - 1) | st.integers(2**31, 2**62)
SMALL = st.integers(0, 9)
NUMBERS = st.floats(allow_nan=False)
RATES = st.floats(0, 1)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=()))
NAMES = st.text("abcdefgh_0123", min_size=1, max_size=8)

CONNECTIONS = st.lists(st.builds(Connection, IDS, IDS, IDS, st.booleans()), max_size=5).map(tuple)
PARENTS = st.lists(IDS, max_size=2).map(tuple)
MODULES = st.builds(
    Module,
    id=SMALL,
    nodes=st.lists(
        st.builds(
            ModuleNode,
            IDS,
            SMALL,
            SMALL,
            st.sampled_from(("none", "max_pooling", "dropout")),
            RATES,
        ),
        max_size=4,
    ).map(tuple),
    connections=CONNECTIONS,
    join=st.sampled_from(("add", "concat")),
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
    Blueprint,
    id=SMALL,
    nodes=st.lists(st.builds(BlueprintNode, IDS, SMALL), max_size=4).map(tuple),
    connections=CONNECTIONS,
    dense=st.lists(SMALL, max_size=3).map(tuple),
    training=st.none() | HYPERPARAMETERS,
    retained=st.lists(st.tuples(SMALL, IDS), max_size=3).map(tuple),
    parents=PARENTS,
    birth=SMALL,
)
LAYERS = st.dictionaries(NAMES, st.none() | SMALL | RATES | st.lists(SMALL, max_size=2))
NETWORKS = st.fixed_dictionaries(
    {
        "input_shape": st.lists(SMALL, min_size=3, max_size=3),
        "layers": st.lists(LAYERS, max_size=4),
        "output": TEXTS,
    }
)
RECORDS = st.builds(
    Compressed,
    dead_at_start=st.dictionaries(NAMES, RATES, max_size=3),
    alive=st.lists(st.tuples(SMALL, IDS), max_size=3).map(tuple),
    widths=st.dictionaries(NAMES, st.tuples(SMALL, SMALL), max_size=3),
    step_seconds=st.tuples(RATES, RATES),
    removed=st.lists(NAMES, unique=True, max_size=2).map(tuple),
)
POINTS = st.builds(
    Epoch, epoch=SMALL, loss=NUMBERS, accuracy=RATES, val_loss=NUMBERS, val_accuracy=RATES
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


def outcomes(candidate: int) -> st.SearchStrategy[Outcome]:
    """Draw an outcome of one candidate."""
    return st.builds(
        Outcome,
        candidate=st.just(candidate),
        network_hash=NAMES,
        status=st.sampled_from(("ok", "failed")),
        fault=st.sampled_from(("", "candidate", "machine")),
        reason=st.sampled_from(("", "nan", "killed")),
        detail=TEXTS,
        accuracy=st.none() | RATES,
        loss=st.none() | NUMBERS,
        flops_before=IDS,
        flops_after=IDS,
        parameters_before=IDS,
        parameters_after=IDS,
        network_before=st.none() | NETWORKS,
        network_after=st.none() | NETWORKS,
        compressed=st.none() | RECORDS,
        curve=st.lists(POINTS, max_size=3).map(tuple),
        seconds=SECONDS,
        started=NUMBERS,
        rank=SMALL,
        host=TEXTS,
        device=TEXTS,
        attempts=SMALL,
        reused_from=st.none() | IDS,
        context=NUMBERS_BY_NAME,
    )


@st.composite
def populations(draw: st.DrawFn, genomes: st.SearchStrategy[Any]) -> Population[Any]:
    """Draw genomes and a partition of them into species."""
    members = draw(st.lists(genomes, unique_by=lambda genome: genome.id, max_size=6))
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
        next_innovation=draw(IDS),
        next_genome=draw(IDS),
        next_species=draw(IDS),
    )


@st.composite
def generations(draw: st.DrawFn) -> Generation:
    """Draw a generation whose candidates also hold genomes that changed or are gone."""
    state = State(
        generation=draw(st.integers(0, 99)),
        evaluated=draw(st.booleans()),
        modules=draw(populations(MODULES)),
        blueprints=draw(populations(BLUEPRINTS)),
        next_candidate=draw(IDS),
        counts=draw(st.dictionaries(TEXTS, IDS, max_size=3)),
        events=tuple(draw(st.lists(TEXTS, max_size=3))),
        context=draw(NUMBERS_BY_NAME),
        memory=draw(st.dictionaries(NAMES, ARRAYS, max_size=2)),
    )
    modules, blueprints = MODULES, BLUEPRINTS
    if state.modules.genomes:
        living = st.sampled_from(state.modules.genomes)
        modules = modules | living | living.map(lambda module: module._replace(join="narrowed"))
    if state.blueprints.genomes:
        blueprints = blueprints | st.sampled_from(state.blueprints.genomes)
    parts = st.lists(st.tuples(SMALL, modules), max_size=3).map(tuple)
    ids = draw(st.lists(IDS, unique=True, max_size=4))
    candidates = tuple(Candidate(id, draw(SMALL), draw(blueprints), draw(parts)) for id in ids)
    finished = draw(st.permutations(ids))[: draw(st.integers(0, len(ids)))]
    return Generation(
        state=state,
        candidates=candidates,
        outcomes=tuple(draw(outcomes(id)) for id in finished),
        run_id=draw(NAMES),
        seed=draw(st.integers(0, 2**63 - 1)),
        config=draw(TEXTS),
        created="2026-01-31T12:00:00Z",
        seconds=draw(st.floats(0, 1e9)),
        parent_sha256=draw(st.sampled_from(("", "ab" * 32))),
    )
