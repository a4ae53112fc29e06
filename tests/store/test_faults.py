"""A file that cannot be read for a moment, or for good, is never taken for a damaged one."""

from __future__ import annotations

import builtins
import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from mpineat import store
from mpineat.cli.take_up import take_up
from mpineat.config import Config
from mpineat.errors import InputError, StorageError
from mpineat.store import directory, provenance
from mpineat.store.journal import Journal
from tests.installed import ROOT, mpineat
from tests.store.examples import outcomes, run
from tests.store.test_run import snapshot


class Disk:
    """Files as Python opens them; of those whose name begins so, the next ones fail to open."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.fails: list[int] = []
        self.name = "generation_"
        self._open = io.open
        patch.setattr(io, "open", self.open)
        patch.setattr(builtins, "open", self.open)
        patch.setattr(directory, "PAUSES", (0.0, 0.0, 0.0))

    def open(self, path: Any, mode: str = "r", *more: Any, **options: Any) -> Any:
        if self.fails and "r" in mode and Path(str(path)).name.startswith(self.name):
            code = self.fails.pop()
            raise OSError(code, os.strerror(code))
        return self._open(path, mode, *more, **options)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ETIMEDOUT])
def test_a_fault_that_passes_costs_nothing(tmp_path: Path, disk: Disk, code: int) -> None:
    written = run(tmp_path, 3)
    disk.fails = [code] * 3
    assert take_up(tmp_path, Config()).earlier == written


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ETIMEDOUT])
@pytest.mark.parametrize("accept", [False, True])
def test_a_fault_that_stays_leaves_everything_as_it_was(
    tmp_path: Path, disk: Disk, code: int, accept: bool
) -> None:
    run(tmp_path, 3)
    before = snapshot(tmp_path)
    disk.fails = [code] * 4
    message = rf"generation_0000\.h5: cannot be read: {os.strerror(code)}, 4 times; it was left"
    with pytest.raises(StorageError, match=message):
        take_up(tmp_path, Config(), accept_damage=accept)
    assert snapshot(tmp_path) == before


def test_an_older_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    run(tmp_path, 3)
    older = directory.generation_path(tmp_path, 0)
    older.unlink()
    older.mkdir()
    with pytest.raises(
        StorageError, match=r"generation_0000\.h5: cannot be read: not a regular file"
    ):
        take_up(tmp_path, Config())


def test_half_a_file_that_the_disk_hands_out_is_not_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    short = tmp_path / "short"
    short.write_bytes(path.read_bytes()[:-100])
    size = path.stat()
    monkeypatch.setattr(directory, "PAUSES", ())
    monkeypatch.setattr(os, "fstat", lambda handle: size)
    with pytest.raises(StorageError, match=f"only {size.st_size - 100} of {size.st_size} bytes"):
        store.read(short)


def test_onlookers_say_what_they_cannot_read(tmp_path: Path, disk: Disk) -> None:
    written = run(tmp_path, 2)
    disk.fails = [errno.EIO] * 4
    found = store.read_run(tmp_path)
    assert found.generations == written[1:]
    assert "generation_0000.h5: cannot be read: Input/output error" in found.problems[0]


def test_a_damaged_newest_file_is_not_repeated_unasked(tmp_path: Path) -> None:
    run(tmp_path, 3)
    path = directory.generation_path(tmp_path, 2)
    path.write_bytes(path.read_bytes()[:-1])
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=r"generation_0002\.h5: damaged.*--accept-damage"):
        take_up(tmp_path, Config())
    assert snapshot(tmp_path) == before
    assert take_up(tmp_path, Config(), accept_damage=True).number == 2
    assert path.with_name(path.name + ".damaged").exists()
    assert take_up(tmp_path, Config()).number == 2


def test_the_command_line_asks_before_it_repeats_a_generation(tmp_path: Path) -> None:
    small = ("farm.evaluator=dry_run", "farm.dry_run_seconds=0", "evolution.candidates=2")
    words = ("run", ROOT / "configs/digits.yaml", tmp_path / "run", *small, "--resume")
    assert mpineat(*words, "evolution.generations=2").returncode == 0
    newest = directory.generation_path(tmp_path / "run", 1)
    newest.write_bytes(b"")
    refused = mpineat(*words, "evolution.generations=3")
    assert refused.returncode == 2
    assert f"mpineat: {newest}: damaged" in refused.stderr
    assert "--accept-damage" in refused.stderr
    accepted = mpineat(*words, "evolution.generations=3", "--accept-damage")
    assert accepted.returncode == 0, accepted.stderr
    assert len(store.read_run(tmp_path / "run").generations) == 3


def test_a_journal_that_cannot_be_read_is_neither_cut_nor_folded(
    tmp_path: Path, disk: Disk
) -> None:
    run(tmp_path, 1)
    disk.name = "journal.jsonl"
    with Journal(tmp_path, "run") as journal:
        for outcome in outcomes(3):
            journal.append(1, outcome)
        before = snapshot(tmp_path)
        for use in (journal.of, journal.fold):
            disk.fails = [errno.EIO] * 4
            with pytest.raises(StorageError, match=r"journal\.jsonl: cannot be read: Input/output"):
                use(1)
        assert snapshot(tmp_path) == before
        disk.fails = [errno.EIO] * 3
        assert journal.of(1).outcomes == outcomes(3)


def test_provenance_that_cannot_be_read_is_not_set_aside(tmp_path: Path, disk: Disk) -> None:
    run(tmp_path, 1)
    provenance.record(tmp_path, {"launch": "first"})
    disk.name, disk.fails = "provenance", [errno.EIO] * 4
    with pytest.raises(StorageError, match=r"provenance\.json: cannot be read: Input/output"):
        provenance.record(tmp_path, {"launch": "second"})
    disk.fails = [errno.EIO] * 3
    provenance.record(tmp_path, {"launch": "second"})
    assert [launch.entry["launch"] for launch in provenance.read(tmp_path)[0]] == [
        "first",
        "second",
    ]
