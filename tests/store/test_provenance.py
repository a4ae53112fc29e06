"""provenance.json: one entry a launch, whatever became of the file before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mpineat.store import directory, provenance


def test_an_entry_says_with_what_the_run_was_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    monkeypatch.setenv("LSB_JOBID", "43")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    entry = provenance.describe(ranks=3, mpi="MPICH 4.3", devices=["cpu", "cpu"], resumed=True)
    assert entry["versions"]["numpy"] == np.__version__
    assert (entry["ranks"], entry["mpi"], entry["resumed"]) == (3, "MPICH 4.3", True)
    assert entry["batch"]["SLURM_JOB_ID"] == "42"
    assert entry["batch"]["LSB_JOBID"] == "43"
    assert "SECRET_TOKEN" not in entry["batch"]
    assert json.loads(json.dumps(entry)) == entry


def test_launches_are_added_and_the_end_of_one_replaces_its_beginning(tmp_path: Path) -> None:
    first, second = provenance.describe(), provenance.describe()
    provenance.record(tmp_path, first)
    provenance.record(tmp_path, second)
    provenance.record(tmp_path, {**second, "ended": "now"})
    assert provenance.read(tmp_path) == ((first, {**second, "ended": "now"}), "")


@pytest.mark.parametrize("text", ['[{"launch": "torn', "{}", "[1]", "\xff"])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(tmp_path: Path, text: str) -> None:
    path = tmp_path / directory.PROVENANCE
    path.write_bytes(text.encode("latin-1"))
    assert "provenance.json: damaged" in provenance.read(tmp_path)[1]
    entry = provenance.describe()
    provenance.record(tmp_path, entry)
    assert provenance.read(tmp_path) == ((entry,), "")
    assert path.with_name("provenance.json.damaged").read_bytes() == text.encode("latin-1")
