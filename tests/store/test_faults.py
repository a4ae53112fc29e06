"""A file that cannot be read for a moment, or for good, is never taken for a damaged one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mpineat import store
from mpineat.cli.run import take_up
from mpineat.config import Config
from mpineat.errors import InputError, StorageError
from mpineat.store import directory, hdf5
from tests.installed import ROOT, mpineat
from tests.store.examples import run
from tests.store.test_run import snapshot


class Disk:
    """Reads of files as hdf5.py does them, some of which fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.fails: list[int] = []
        self._read = hdf5._read
        patch.setattr(hdf5, "_read", self.read)
        patch.setattr(hdf5, "PAUSES", (0.0, 0.0, 0.0))

    def read(self, path: Path) -> bytes:
        if self.fails:
            code = self.fails.pop()
            raise OSError(code, os.strerror(code))
        return self._read(path)


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
    message = rf"generation_0002\.h5: cannot be read: {os.strerror(code)}, 4 times; it was left"
    with pytest.raises(StorageError, match=message):
        take_up(tmp_path, Config(), accept_damage=accept)
    assert snapshot(tmp_path) == before


def test_an_older_file_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    run(tmp_path, 3)
    older = directory.generation_path(tmp_path, 0)
    older.unlink()
    older.mkdir()
    with pytest.raises(StorageError, match=r"generation_0000\.h5: cannot be read: Is a directory"):
        take_up(tmp_path, Config())


def test_half_a_file_that_the_disk_hands_out_is_not_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    short = tmp_path / "short"
    short.write_bytes(path.read_bytes()[:-100])
    size = path.stat()
    monkeypatch.setattr(hdf5, "PAUSES", ())
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
