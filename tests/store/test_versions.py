"""Files of another version: defaults for what they lack, or a sentence; never taken for damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.recfunctions import append_fields, drop_fields

from mpineat import store
from mpineat.cli.take_up import take_up
from mpineat.config import Config
from mpineat.errors import InputError
from mpineat.store import candidates, directory
from mpineat.store.columns import columns_of
from mpineat.tasks import Epoch
from tests.store.examples import generation, outcomes, rewrite, run

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    run(tmp_path, 1)
    return directory.generation_path(tmp_path, 0)


def without(table: str, column: str) -> Change:
    """Return the change that drops a column."""

    def change(tables: dict[str, Any]) -> None:
        tables[table] = drop_fields(tables[table], column, usemask=False)

    return change


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterEpoch(Epoch):
    """An Epoch with one more field, as a later version may have it."""

    learning_rate: float = 0.25


def test_a_run_of_before_a_field_existed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, 2)
    monkeypatch.setattr(candidates, "Epoch", LaterEpoch)
    monkeypatch.setattr(candidates, "CURVES", {"candidate": int, **columns_of(LaterEpoch)})
    origin = take_up(tmp_path, Config())
    assert origin.number == 2
    assert [path.name for path in sorted((tmp_path / "generations").iterdir())] == [
        "generation_0000.h5",
        "generation_0001.h5",
    ]
    (point,) = origin.earlier[1].outcomes[0].curve
    assert isinstance(point, LaterEpoch)
    assert (point.val_accuracy, point.learning_rate) == (0.5, 0.25)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("candidates/table", "attempts"),
        ("candidates/table", "reused_from"),
        ("candidates/table", "flops_after"),
        ("blueprints/training", "momentum"),
    ],
)
def test_a_missing_column_reads_as_its_fields_default(path: Path, table: str, column: str) -> None:
    rewrite(path, without(table, column))
    assert store.read(path) == generation()  # whose values are the defaults


def test_a_missing_table_reads_as_empty(path: Path) -> None:
    def change(tables: dict[str, Any]) -> None:
        for name in ("counts", "events", "candidates/curves", "candidates/networks_before"):
            del tables[name]
        del tables["blueprints/retained"]
        without("blueprints/offsets", "retained")(tables)

    rewrite(path, change)
    poorer = tuple(replace(one, curve=(), network_before=None) for one in outcomes())
    assert store.read(path) == replace(generation(), outcomes=poorer)


def test_what_a_later_version_adds_does_no_harm(path: Path) -> None:
    def change(tables: dict[str, Any]) -> None:
        for name, table in list(tables.items()):
            more = np.full(len(table), 7.0)
            tables[name] = append_fields(table, "later", more, usemask=False)
        tables["later/table"] = tables["counts"]
        tables["later/numbers"] = np.zeros((2, 2))

    rewrite(path, change)
    assert store.read(path) == generation()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (without("candidates/curves", "loss"), "table 'candidates/curves' lacks column 'loss'"),
        (without("modules/nodes", "filters"), "table 'modules/nodes' lacks column 'filters'"),
        (without("innovations", "population"), "table 'innovations' lacks column 'population'"),
        (lambda tables: tables.pop("modules/genomes"), "table 'modules/genomes' is missing"),
        (lambda tables: tables.pop("candidates/table"), "table 'candidates/table' is missing"),
        (without("blueprints/offsets", "nodes"), "table 'blueprints/offsets' lacks column 'nodes'"),
    ],
)
def test_what_no_default_makes_up_for_is_another_version_and_left_alone(
    tmp_path: Path, change: Change, what: str
) -> None:
    run(tmp_path, 2)
    path = directory.generation_path(tmp_path, 1)
    rewrite(path, change)
    before = path.read_bytes()
    for accept in (False, True):
        with pytest.raises(InputError) as refused:
            take_up(tmp_path, Config(), accept_damage=accept)
        assert not isinstance(refused.value, store.Damaged)
        said = str(refused.value)
        assert f"generation_0001.h5: {what}" in said
        assert "another version of mpineat wrote it (this one's format version is 1)" in said
    assert path.read_bytes() == before
    assert any(what in problem for problem in store.read_run(tmp_path).problems)
