"""provenance.json: one entry a launch, whatever became of the file before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mpineat.errors import StorageError
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
    launches, problem = provenance.read(tmp_path)
    assert [launch.entry for launch in launches] == [first, {**second, "ended": "now"}]
    assert problem == ""


@pytest.mark.parametrize("text", ['[{"launch": "torn', "{}", "[1]", "\xff"])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(tmp_path: Path, text: str) -> None:
    path = tmp_path / directory.PROVENANCE
    path.write_bytes(text.encode("latin-1"))
    assert "provenance.json: damaged" in provenance.read(tmp_path)[1]
    entry = provenance.describe()
    provenance.record(tmp_path, entry)
    launches, problem = provenance.read(tmp_path)
    assert ([launch.entry for launch in launches], problem) == ([entry], "")
    assert path.with_name("provenance.json.damaged").read_bytes() == text.encode("latin-1")


@pytest.mark.parametrize("value", ["x", [], {}, -1, True, 2.5, float("inf"), None, "9" * 5000])
def test_a_value_of_a_kind_that_is_never_written_is_missing(tmp_path: Path, value: object) -> None:
    names = ("ranks", "evaluated", "end", "started", "versions", "devices", "host")
    text = json.dumps([dict.fromkeys(names, value)])
    (tmp_path / directory.PROVENANCE).write_text(text)
    (launch,), problem = provenance.read(tmp_path)
    assert (launch.ranks, launch.evaluated, launch.started, problem) == (0, None, None, "")
    assert launch.end == (value if isinstance(value, str) else "")
    provenance.record(tmp_path, provenance.describe())
    assert len(provenance.read(tmp_path)[0]) == 2


def test_launches_in_vain_are_those_at_the_end_that_were_stopped_with_nothing(
    tmp_path: Path,
) -> None:
    for ends, times in (
        ([], 0),
        ([("stopped", 0)], 1),
        ([("stopped", 0), ("stopped", 4)], 0),
        ([("stopped", 4), ("stopped", 0), ("stopped", 0)], 2),
        ([("stopped", 0), ("", None), ("stopped", 0)], 1),  # killed: nobody knows what it finished
        ([("stopped", 0), ("failed", 0)], 0),
    ):
        entries = [{"end": end, "evaluated": evaluated} for end, evaluated in ends]
        (tmp_path / directory.PROVENANCE).write_text(json.dumps(entries))
        assert provenance.stopped_in_vain(provenance.read(tmp_path)[0]) == times


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("[]")
    path = tmp_path / directory.PROVENANCE
    path.symlink_to(tmp_path / "elsewhere")
    assert "provenance.json: cannot be read: a symbolic link" in provenance.read(tmp_path)[1]
    with pytest.raises(StorageError, match="a symbolic link"):
        provenance.record(tmp_path, provenance.describe())
    assert (tmp_path / "elsewhere").read_text() == "[]"
