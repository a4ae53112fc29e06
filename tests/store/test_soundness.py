"""A generation file with a right seal and a content that mpineat never writes is refused."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mpineat import store
from mpineat.errors import InputError
from mpineat.store import directory, hdf5
from tests.store.examples import rewrite, run

Change = Callable[[dict[str, Any]], object]


def put(table: str, column: str, value: object, row: int = 0) -> Change:
    """Return the change that puts a value into a table."""
    return lambda tables: tables[table][column].__setitem__(row, value)


def an_empty_species(tables: dict[str, Any]) -> None:
    """Add a species that no module belongs to."""
    species = tables["species/modules"]
    tables["species/modules"] = np.append(species, species[-1:])
    tables["species/modules"]["id"][-1] = 9


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (put("modules/offsets", "nodes", 99, -1), "'nodes' does not ascend to its table's end"),
        (put("modules/offsets", "nodes", -7, 1), "column 'nodes', row 1: found -7, out of range"),
        (put("modules/nodes", "filters", 0), "column 'filters', row 0: found 0, out of range"),
        (put("modules/nodes", "filters", 10**9), "module 0 has a node wider than"),
        (put("modules/nodes", "rate", 1.5), "found 1.5, out of range"),
        (put("modules/nodes", "neighbour", b"?"), "found '?', expected"),
        (put("modules/connections", "target", 0), "the connection 0 -> 0 is impossible"),
        (put("modules/genomes", "id", 1), "the ids of modules do not ascend"),
        (put("modules/genomes", "species", -1), "the species of modules are no partition"),
        (an_empty_species, "species 9 of modules has no member"),
        (put("modules/genomes", "fitness", float("inf")), "found inf, out of range"),
        (put("species/modules", "representative_row", 10**6), "IndexError"),
        (put("innovations", "next_innovation", 0), "next_innovation is 0, expected a number"),
        (put("innovations", "compatibility_threshold", float("nan")), "found nan, out of range"),
        (put("blueprints/nodes", "species", 7), "points to a species that is not there"),
        (put("candidates/table", "id", 1), "two candidates have one id"),
        (put("candidates/table", "accuracy", 1.5), "found 1.5, out of range"),
        (put("candidates/table", "accuracy", float("nan")), "is ok, its accuracy not"),
        (put("candidates/table", "metric", 1.5), "column 'metric', row 0: found 1.5, out of range"),
        (put("candidates/table", "metric", 0.5), "some outcomes have a metric, others have none"),
        (put("candidates/table", "arrival", 1), "the arrivals are not those of one order"),
        (put("candidates/table", "host", b"\xff"), "is no UTF-8"),
        (put("candidates/table", "reused_from", 0), "candidate 0 repeats candidate 0"),
        (put("candidates/networks_after", "json", b"{"), "candidate 0: JSONDecodeError"),
        (put("candidates/networks_after", "json", b"[1]", 1), "candidate 0: AttributeError"),
        (put("candidates/modules", "module_row", 10**6), "IndexError"),
        (put("candidates/modules", "species", 5), "and its blueprint points to others"),
    ],
)
def test_a_value_that_mpineat_never_writes_is_named(
    tmp_path: Path, change: Change, why: str
) -> None:
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    rewrite(path, change)
    with pytest.raises(InputError, match=re.escape(why)) as refused:
        store.read(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "not as mpineat writes it, though its seal is right" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not isinstance(refused.value, store.Damaged)


def resealed(path: Path, change: Callable[[h5py.File], object]) -> None:
    """Change a generation's file by HDF5's own means, and seal it as it is then."""
    buffer = io.BytesIO(path.read_bytes())
    with h5py.File(buffer, "r+") as file:
        change(file)
    body = buffer.getvalue()[hdf5.SEAL_BYTES :]
    path.write_bytes(hdf5._seal(hdf5._head(1, hdf5.SEAL_BYTES + len(body)), body) + body)


def virtual(file: h5py.File) -> None:
    """Add a dataset that is a view of another file."""
    layout = h5py.VirtualLayout((1,), "i4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (1,))
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/passwd", "/x")), "'x' is a link"),
        (lambda f: f.__setitem__("modules/x", h5py.SoftLink("/events")), "'modules/x' is a link"),
        (
            lambda f: f.create_dataset("x", (4,), "i4", external=[("/etc/passwd", 0, 16)]),
            "the data of 'x' lie in another file",
        ),
        (virtual, "the data of 'x' lie in another file"),
        (
            lambda f: f.create_dataset("x", (1 << 40,), "i4", chunks=(1024,)),
            "holds more than 2,147,483,648 bytes",
        ),
        (lambda f: f.__setitem__("modules/x", f["/"]), "is nothing that mpineat writes"),
    ],
)
def test_a_file_whose_data_lie_elsewhere_is_not_read(
    tmp_path: Path, change: Callable[[h5py.File], object], why: str
) -> None:
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    resealed(path, change)
    with pytest.raises(InputError, match=f"{path}: .*{re.escape(why)}"):
        store.read(path)


def test_a_summary_has_the_totals_of_the_whole(tmp_path: Path) -> None:
    (whole,) = run(tmp_path, 1)
    found = store.read_summary(directory.generation_path(tmp_path, 0))
    assert (found.number, found.species, found.config) == (0, whole.species, whole.config)
    ours, theirs = found.totals, whole.totals
    assert (ours.number, ours.trained, ours.fitness) == (3, 3, theirs.fitness)
    assert ours.best is not None
    assert theirs.best is not None
    assert ours.best.candidate == theirs.best.candidate
