"""Durable writing: whole or not at all, and a full or read-only disk ends in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mpineat import store
from mpineat.errors import StorageError
from mpineat.store import directory
from mpineat.store.journal import Journal
from tests.store.examples import generation, outcomes, run


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a long text that was here before")
    directory.write_durably(path, b"a ", b"new one")
    assert path.read_bytes() == b"a new one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError) as error:
        directory.write_durably(path, b"new")
    assert str(error.value) == (
        f"{path}: cannot be written: No space left on device; "
        "what is on disk is whole: mend that, then go on with --resume"
    )
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, 1)
    before = sorted(tmp_path.rglob("*"))
    for name in (".config.yaml.123.tmp", "generations/.generation_0001.h5.77.tmp"):
        (tmp_path / name).write_bytes(b"half")
    directory.remove_temporary(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_generations_are_found_in_order_beyond_four_digits(tmp_path: Path) -> None:
    directory.create(tmp_path)
    for number in (10000, 2, 9999):
        directory.generation_path(tmp_path, number).touch()
    directory.generation_path(tmp_path, 3).with_suffix(".h5.damaged").touch()
    names = [path.name for path in directory.generation_paths(tmp_path)]
    assert names == ["generation_0002.h5", "generation_9999.h5", "generation_10000.h5"]


def test_a_run_directory_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/run: cannot be written: Not a directory"):
        directory.create(tmp_path / "file" / "run")


KILLED_WRITER = """
import sys
from pathlib import Path
from mpineat.store import directory
path = Path(sys.argv[1])
number = 0
while True:
    number += 1
    directory.write_durably(path, b"%d " % number * 20000)
    print(number, flush=True)
"""


def test_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for acknowledged in (1, 2, 5, 9):
        path.unlink(missing_ok=True)
        command = [sys.executable, "-c", KILLED_WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(acknowledged):
                newest = int(writer.stdout.readline())
            writer.kill()
        numbers = path.read_bytes().split()
        assert len(numbers) == 20000
        assert len(set(numbers)) == 1
        assert int(numbers[0]) >= newest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where the tests run as root."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "mpineat-test", str(path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Take all room of a disk and return the file that has it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def append_often(book: Journal) -> None:
    """Append more than the last page of the journal has room for."""
    for _ in range(9):
        book.append(1, outcomes(3)[0])


def test_a_full_disk_loses_nothing_that_was_written(small_disk: Path) -> None:
    written = run(small_disk, 1)
    with Journal(small_disk, "run") as book:
        for outcome in outcomes(3):
            book.append(1, outcome)
        filler = fill(small_disk)
        with pytest.raises(StorageError, match=r"generation_0001\.h5: .*No space left on device"):
            store.write(small_disk, generation(1))
        with pytest.raises(StorageError, match="No space left on device"):
            append_often(book)
        assert store.history(small_disk).generations == written
        filler.unlink()
        assert book.of(1).outcomes == outcomes(3)
        store.write(small_disk, generation(1))
        book.fold(1)
    found = store.read_run(small_disk)
    assert [one.number for one in found.generations] == [0, 1]


def test_a_disk_that_became_read_only_is_said_and_still_read(small_disk: Path) -> None:
    written = run(small_disk, 1)
    with Journal(small_disk, "run") as book:
        book.append(1, outcomes(3)[0])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for attempt in (
        lambda: store.write(small_disk, generation(1)),
        lambda: Journal(small_disk, "run"),
    ):
        with pytest.raises(StorageError, match="cannot be written: Read-only file system"):
            attempt()
    found = store.read_run(small_disk)
    assert found.generations == written
    assert found.outcomes == outcomes(3)[:1]
