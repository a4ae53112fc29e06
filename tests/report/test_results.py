"""Results: one row a candidate, the same in every format, at every moment of a run."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mpineat
from mpineat.errors import InputError
from mpineat.report.results import Results
from mpineat.report.results_formats import FORMATS, as_csv, as_json, as_table
from mpineat.store import directory
from mpineat.store.journal import Journal
from tests.searches import configured, search


@pytest.fixture(scope="module")
def run(finished_run: Path) -> Results:
    return mpineat.open_run(finished_run)


def failing(run: Results) -> Results:
    """Return the run as if its first candidate had failed with a loss that is no number."""
    failed = replace(
        run.outcomes[0],
        status="failed",
        reason="nan",
        detail='a comma, and "quotes"',
        accuracy=None,
        loss=math.nan,
        network_after=None,
    )
    return replace(run, outcomes=(failed, *run.outcomes[1:]))


def test_columns_have_an_entry_a_candidate_in_the_order_of_the_outcomes(run: Results) -> None:
    columns = run.columns()
    assert {len(column) for column in columns.values()} == {36}
    assert columns["id"].tolist() == [outcome.candidate for outcome in run.outcomes]
    winner = np.nanargmax(columns["final_accuracy"])
    assert columns["id"][winner] == run.best.candidate
    assert columns["accuracy"][winner] == run.best.accuracy
    assert columns["flops_after"].dtype == np.int64
    assert np.bincount(columns["generation"]).tolist() == [12, 12, 12]
    genotype = run.candidates[columns["id"][5]]
    assert columns["blueprint"][5] == genotype.blueprint.id
    pairs = [pair.split(":") for pair in columns["modules"][5].split()]
    assert [(int(s), int(m)) for s, m in pairs] == [(s, m.id) for s, m in genotype.modules]
    assert all(columns["seconds_total"] >= columns["seconds_train"])


def test_missing_values_are_as_documented(run: Results) -> None:
    columns = failing(run).columns()
    assert np.isnan(columns["accuracy"][0])
    assert np.isnan(columns["loss"][0])
    assert columns["reason"].tolist()[:2] == ["nan", ""]
    trained = [outcome.reused_from is None for outcome in run.outcomes]
    assert (columns["reused_from"] == -1).tolist() == trained


def test_network_before_and_after_compression_and_curves(run: Results) -> None:
    best = run.best
    small, large = (run.network(best.candidate, compressed=c) for c in (True, False))
    assert small.to_json() == best.network_after
    assert sum(layer.filters or 0 for layer in small.layers) < sum(
        layer.filters or 0 for layer in large.layers
    )
    curves = run.curves()
    mine = curves["candidate"] == best.candidate
    assert curves["val_accuracy"][mine].tolist() == [p.val_accuracy for p in best.curve]
    with pytest.raises(InputError, match="no outcome of a candidate 999"):
        run.network(999)
    with pytest.raises(InputError, match="has no such network: failed nan: a comma"):
        failing(run).network(run.outcomes[0].candidate)


def test_csv_is_a_heading_and_as_many_cells_in_every_line(run: Results) -> None:
    head, first, *rest = csv.reader(io.StringIO(as_csv(failing(run).table())))
    row = dict(zip(head, first, strict=True))
    assert {len(line) for line in rest} == {len(head)}
    assert len(rest) == 35
    assert row["detail"] == 'a comma, and "quotes"'
    assert (row["accuracy"], row["loss"], row["attempts"]) == ("", "", "1")
    assert row["reason"] == "nan_loss"  # pandas would read "nan" as missing


def test_names_are_text_for_spreadsheets_and_terminals(run: Results) -> None:
    hostile = replace(run.outcomes[0], reason="=1+1\x1b[31m", host="@x\ny", loss=-0.5)
    found = replace(run, outcomes=(hostile,)).table()
    (row,) = csv.DictReader(io.StringIO(as_csv(found)))
    assert (row["reason"], row["host"], row["loss"]) == (r"'=1+1\x1b[31m", r"'@x\ny", "-0.5")
    assert r"=1+1\x1b[31m" in as_table(found)


def test_json_is_strict(run: Results) -> None:
    endless = replace(run.outcomes[1], loss=math.inf)
    failed = failing(run)
    failed = replace(failed, outcomes=(failed.outcomes[0], endless))

    def refuse(text: str) -> None:
        pytest.fail(f"{text} is no JSON")

    rows = json.loads(as_json(failed.table()), parse_constant=refuse)
    assert [row["loss"] for row in rows] == [None, None]
    assert list(rows[0]) == list(run.columns())


def test_table_has_a_line_a_candidate(run: Results) -> None:
    lines = as_table(failing(run).table()).splitlines()
    assert len(lines) == 2 + 36
    assert lines[2].split()[:5] == ["0", "0", "failed", "nan", "-"]


def test_sorting_puts_the_best_first_and_what_has_no_value_last(run: Results) -> None:
    def sorted_by(name: str, **how: bool) -> list[object]:
        return failing(run).table(sort=name, **how)[name]

    accuracies = sorted_by("accuracy")
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    without = [None] * (len(accuracies) - len(known))
    assert without
    assert accuracies == [*sorted(known, reverse=True), *without]
    assert sorted_by("accuracy", reverse=True) == [*sorted(known), *without]
    flops = sorted_by("flops_after")
    assert flops == sorted(flops)
    with pytest.raises(InputError, match=r"--sort nothing: .* expected one of id, generation"):
        run.table(sort="nothing")


@pytest.mark.parametrize("schedule", ["generational", "steady"])
def test_running_generation_is_read_from_the_journal(tmp_path: Path, schedule: str) -> None:
    config = configured(schedule=schedule)
    search(tmp_path, config)
    whole = mpineat.open_run(tmp_path)
    last = whole.generations[-1]
    directory.generation_path(tmp_path, last.number).unlink()
    (tmp_path / directory.JOURNAL_BEFORE).unlink()
    with Journal(tmp_path, last.run_id) as journal:
        for outcome in last.outcomes[:2]:
            journal.append(last.number, outcome)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    run = mpineat.open_run(tmp_path)

    assert run.outcomes == whole.outcomes[: len(run.outcomes)]
    assert run.columns()["generation"].tolist()[-3:] == [last.number - 1, last.number, last.number]
    if schedule == "generational":
        assert run.columns()["blueprint"].tolist()[-2:] == [-1, -1]
        assert run.table()["modules"][-2:] == ["", ""]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("form", FORMATS)
def test_run_without_an_outcome_has_its_columns(
    form: str, finished_run: Path, tmp_path: Path
) -> None:
    shutil.copy(finished_run / directory.CONFIG, tmp_path)
    run = mpineat.open_run(tmp_path)
    assert (run.generations, run.best) == ((), None)
    text = FORMATS[form](run.table())
    assert json.loads(text) == [] if form == "json" else "accuracy" in text
    assert run.columns()["accuracy"].shape == run.curves()["loss"].shape == (0,)


def test_open_run_loads_neither_tensorflow_nor_mpi_and_import_alone_next_to_nothing(
    finished_run: Path,
) -> None:
    code = (
        "import sys, mpineat\n"
        "assert 'numpy' not in sys.modules and mpineat.__version__\n"
        f"run = mpineat.open_run({str(finished_run)!r})\n"
        "run.columns(), run.curves(), run.network(run.best.candidate)\n"
        "assert isinstance(run, mpineat.Results)\n"
        "print({'tensorflow', 'keras', 'mpi4py', 'matplotlib'} & set(sys.modules))\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
    assert all(getattr(mpineat, name) for name in mpineat.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mpineat.nothing  # noqa: B018
