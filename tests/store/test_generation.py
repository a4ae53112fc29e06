"""Generation files: equal after a round trip, and open to plain HDF5 tools."""

from __future__ import annotations

import gc
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.lib.recfunctions import append_fields

from mpineat import store
from mpineat.evolution.state import Population, Species, State
from mpineat.genotype.genes import Hyperparameters
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.store import Generation, directory
from mpineat.store.candidates import candidate_tables, candidates_from
from mpineat.store.columns import to_table
from mpineat.store.genomes import BLUEPRINTS, Pool, counters_row, population_from, population_tables
from mpineat.store.hdf5 import content_sha256
from mpineat.tasks import Compressed
from tests.store.examples import generation, run
from tests.store.values import generations


def written(path: Path, value: Generation) -> tuple[Generation, Generation]:
    """Return the value that write returned and the one that the file holds."""
    directory.create(path)
    returned = store.write(path, value)
    return returned, store.read(directory.generation_path(path, value.number))


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(value=generations())
def test_whatever_a_generation_holds_comes_back_equal(
    value: Generation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    returned, found = written(tmp_path_factory.mktemp("run"), value)
    assert found == value
    assert found.content_sha256 == returned.content_sha256


def test_population_and_candidates_share_their_genomes(tmp_path: Path) -> None:
    _, found = written(tmp_path, generation())
    assert found.candidates[0].blueprint is found.state.blueprints.genomes[0]
    assert found.state.modules.species[0].representative is found.state.modules.genomes[0]


def test_equal_content_has_equal_digest_and_changed_content_another(tmp_path: Path) -> None:
    first, _ = written(tmp_path / "a", generation())
    again, _ = written(tmp_path / "b", generation())
    changed = replace(generation().outcomes[0], accuracy=0.75)
    other, _ = written(
        tmp_path / "c", replace(generation(), outcomes=(changed, *generation().outcomes[1:]))
    )
    assert first.content_sha256 == again.content_sha256 != other.content_sha256


def test_the_digest_covers_names_kinds_values_and_attributes() -> None:
    table = to_table({"id": int, "rate": float}, [(1, 0.5), (2, 0.25)])
    numbers = np.array([1.0, 2.0])
    variants = [
        content_sha256({"seed": 1}, {"a": table}),
        content_sha256({"seed": 2}, {"a": table}),
        content_sha256({"seed": 1}, {"b": table}),
        content_sha256({"seed": 1}, {"a": table[::-1]}),
        content_sha256(
            {"seed": 1}, {"a": to_table({"id": int, "x": float}, [(1, 0.5), (2, 0.25)])}
        ),
        content_sha256({"seed": 1}, {"a": table[:1]}),
        *(
            content_sha256({"seed": 1}, {"memory/a": array})
            for array in (numbers, numbers.astype(np.int64), numbers.reshape(2, 1), numbers[:0])
        ),
    ]
    assert len(set(variants)) == len(variants)


def test_a_plain_hdf5_reader_finds_named_columns(tmp_path: Path) -> None:
    run(tmp_path, 1)
    with h5py.File(directory.generation_path(tmp_path, 0), "r", locking=False) as file:
        assert file.attrs["format"] == "mpineat-generation"
        assert {"format_version", "generation", "run_id", "seed", "created"} <= set(file.attrs)
        assert {"content_sha256", "parent_sha256"} <= set(file.attrs)
        table = file["candidates/table"]
        assert table["host"].tolist() == [b"node01"] * 3
        assert {"seconds_total", "flops_before", "flops_after"} <= set(table.dtype.names)
        assert set(file["candidates/seconds"].dtype.names) == {"candidate", "stage", "seconds"}
        nodes = file["modules/nodes"]
        assert nodes["filters"].tolist() == [16] * 3
        assert (nodes.compression, nodes.shuffle, nodes.fletcher32) == ("gzip", True, True)
        assert file["config"]["text"][0] == b"run:"


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="needs h5dump (Debian: hdf5-tools)")
def test_h5dump_shows_the_file(tmp_path: Path) -> None:
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    command = ["h5dump", "-d", "/candidates/networks_after", str(path)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert '"{"name": "flat", "op": "flatten", "inputs": ["input"]}"' in shown


def test_files_with_a_column_for_the_seconds_of_each_stage_are_read() -> None:
    """Until commit 115d76e the stages had columns, and tasks had no context."""
    value = generation()
    modules, blueprints = Pool(value.state.modules.genomes), Pool(value.state.blueprints.genomes)
    tables = candidate_tables(value.candidates, value.outcomes, modules, blueprints)
    del tables["candidates/seconds"], tables["candidates/context"]
    table = tables["candidates/table"]
    for name in ("assemble", "train"):
        spent = np.arange(len(table)) + 0.5
        table = append_fields(table, f"seconds_{name}", spent, usemask=False)
    tables["candidates/table"] = table
    _, outcomes = candidates_from(tables, modules.genomes, blueprints.genomes)
    stages = {o.candidate: list(o.seconds.stages.items()) for o in outcomes}
    assert stages == {
        id: [("assemble", row + 0.5), ("train", row + 0.5)]
        for row, id in enumerate(table["id"].tolist())
        if id in stages
    }
    assert [o.context for o in outcomes] == [{}] * len(value.outcomes)


def test_a_zero_in_a_text_harms_nothing_behind_it(tmp_path: Path) -> None:
    first, *rest = generation().outcomes
    value = replace(generation(), outcomes=(replace(first, detail="core\0dumped"), *rest))
    _, found = written(tmp_path, value)
    assert found.outcomes[0].detail == "core\u2400dumped"


def test_an_outcome_without_its_candidate_is_refused(tmp_path: Path) -> None:
    directory.create(tmp_path)
    with pytest.raises(ValueError, match="every outcome must belong to a candidate of its own"):
        store.write(tmp_path, replace(generation(), candidates=()))


def test_fitness_of_an_unknown_genome_is_refused(tmp_path: Path) -> None:
    directory.create(tmp_path)
    state = generation().state
    wrong = replace(state, modules=replace(state.modules, fitness={77: 0.5}))
    with pytest.raises(ValueError, match="name a genome that is not there"):
        store.write(tmp_path, replace(generation(), state=wrong))


def test_writing_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    assert gc.isenabled()
    written(tmp_path, generation())
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Module, "id nodes connections join parents birth"),
        (Blueprint, "id nodes connections dense training retained parents birth"),
        (Candidate, "id generation blueprint modules"),
        (Species, "id representative members best_fitness age stagnation"),
        (
            Population,
            "genomes species threshold fitness uses estimated next_innovation next_genome "
            "next_species",
        ),
        (
            State,
            "generation evaluated modules blueprints next_candidate counts events context memory",
        ),
        (Compressed, "dead_at_start alive widths step_seconds removed"),
    ],
)
def test_a_new_field_is_not_forgotten(value: type, kept: str) -> None:
    """These classes have tables of their own making: a field that they gain needs a column."""
    found = getattr(value, "_fields", None) or tuple(field.name for field in fields(value))
    assert found == tuple(kept.split())


def test_files_of_a_learning_rate_alone_are_read() -> None:
    """Before other hyperparameters evolved, the learning rate was a column of the genomes."""
    population = generation().state.blueprints
    tables = population_tables(BLUEPRINTS, population, Pool(population.genomes))
    del tables["blueprints/training"]
    rates = np.array([0.5, *[np.nan] * (len(population.genomes) - 1)])
    earlier = "blueprints/genomes"
    tables[earlier] = append_fields(tables[earlier], "learning_rate", rates, usemask=False)
    found, _ = population_from(BLUEPRINTS, tables, counters_row(BLUEPRINTS, population))
    assert found.genomes[0].training == Hyperparameters(0.5)
    assert found.genomes[1:] == population.genomes[1:]
