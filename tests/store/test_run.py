"""Looking at a run directory: all that can be shown is, the rest becomes a sentence."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mpineat import store
from mpineat.cli.take_up import take_up
from mpineat.config import Config
from mpineat.errors import InputError
from mpineat.store import directory, provenance
from mpineat.store.journal import Journal
from mpineat.store.lock import RunLock
from tests.store.examples import generation, outcomes, run


def test_a_whole_run_has_no_problems(tmp_path: Path) -> None:
    written = run(tmp_path, 2)
    found = store.read_run(tmp_path)
    assert found.generations == written
    assert found.config == Config()
    assert (found.problems, found.owner, found.outcomes) == ((), None, ())


def test_the_running_generation_comes_from_the_journal(tmp_path: Path) -> None:
    run(tmp_path, 1)
    with RunLock(tmp_path), Journal(tmp_path, "run") as journal:
        for outcome in (*outcomes(0), *outcomes(3)):
            journal.append(outcome.candidate // 3, outcome)
        found = store.read_run(tmp_path)
    assert found.outcomes == outcomes(3)  # those of generation 0 are in its file
    assert found.owner is not None


def test_looking_on_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path, 1)
    (tmp_path / directory.JOURNAL).write_bytes(b'{"crc32":"torn')
    before = snapshot(tmp_path)
    store.read_run(tmp_path)
    assert snapshot(tmp_path) == before


def snapshot(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return size and time of change of everything in a folder."""
    stats = {path: path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}


def test_what_is_damaged_or_missing_is_said(tmp_path: Path) -> None:
    run(tmp_path, 4)
    (tmp_path / directory.CONFIG).write_text("run: [")
    (tmp_path / directory.PROVENANCE).unlink()
    directory.generation_path(tmp_path, 1).write_bytes(b"")
    (tmp_path / directory.JOURNAL).write_bytes(b"nonsense\n")
    found = store.read_run(tmp_path)
    assert [one.number for one in found.generations] == [0, 2, 3]
    assert found.config == Config()  # as the generations have it
    said = "\n".join(found.problems)
    for part in (
        "config.yaml:1: not YAML",
        "provenance.json: cannot be read: No such file",
        "journal.jsonl:1: damaged",
        "generation_0001.h5: damaged",
        "generation_0002.h5: the generation before it is missing",
    ):
        assert part in said
    assert len(found.problems) == 5


def test_files_of_two_runs_in_one_directory_are_found_out(tmp_path: Path) -> None:
    run(tmp_path, 1)
    store.write(tmp_path, generation(1, parent="another"))
    assert "files of two runs" in store.read_run(tmp_path).problems[0]


@pytest.mark.parametrize("exists", [True, False])
def test_a_directory_without_a_run_is_an_error(tmp_path: Path, exists: bool) -> None:
    path = tmp_path if exists else tmp_path / "missing"
    with pytest.raises(InputError, match="holds no run" if exists else "no such directory"):
        store.read_run(path)


def swap(first: Path, second: Path) -> None:
    """Exchange two files."""
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(whole)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda paths: paths[1].unlink(), "generation_0001.h5: missing, and later ones are there"),
        (lambda paths: paths[0].unlink(), "generation_0000.h5: missing, and later ones are there"),
        (lambda paths: swap(paths[1], paths[2]), "generation_0001.h5: holds generation 2: renamed"),
        (
            lambda paths: paths[2].rename(paths[2].with_name("generation_0007.h5")),
            "generation_0007.h5: holds generation 2: renamed",
        ),
        (
            lambda paths: store.write(
                paths[0].parents[1], replace(generation(1), run_id="another")
            ),
            "generation_0001.h5: of another run (another, seed 1;",
        ),
        (
            lambda paths: store.write(paths[0].parents[1], generation(2, parent="else")),
            "generation_0002.h5: does not descend from the generation before it",
        ),
    ],
)
def test_files_that_are_no_history_of_one_run_are_named(tmp_path: Path, spoil, why: str) -> None:
    run(tmp_path, 3)
    spoil(directory.generation_paths(tmp_path))
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=re.escape(why)):
        take_up(tmp_path, Config())
    assert snapshot(tmp_path) == before


def foreign(run_dir: Path, name: str) -> None:
    """Put a file of another run in the place of the run's own."""
    other = run_dir.with_name("another run")
    directory.create(other)
    store.write(other, replace(generation(0), run_id="another"))
    store.write(other, replace(generation(1), run_id="another"), final=True)
    with Journal(other, "another") as journal:
        for outcome in outcomes(3):
            journal.append(1, outcome)
    shutil.copy(other / name, run_dir / name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("generations/generation_0000.h5", "generation_0000.h5: of another run (another, seed 1;"),
        ("final.h5", "final.h5: of another run (another, seed 1;"),
        ("journal.jsonl", "journal.jsonl: of another run (another) than "),
    ],
)
@pytest.mark.parametrize("generations", [1, 2, 3])
def test_a_file_of_another_run_is_named(
    tmp_path: Path, generations: int, name: str, why: str
) -> None:
    run_dir = tmp_path / "run"
    run(run_dir, generations)
    if "journal" not in name:
        with Journal(run_dir, "run") as journal:  # which tells whose the generations are
            journal.append(generations, outcomes(3)[0])
    foreign(run_dir, name)
    if generations == 1 and "generations" in name:  # a file of each run: both are named
        why = f"journal.jsonl: of another run (run) than {run_dir / name} (another)"
    before = snapshot(run_dir)
    with pytest.raises(InputError, match=re.escape(why)) as refused:
        take_up(run_dir, Config())
    assert "another" in str(refused.value)
    assert snapshot(run_dir) == before


def test_of_two_runs_in_a_journal_the_launches_tell_which_is_the_own(tmp_path: Path) -> None:
    for name in ("own", "another"):
        with Journal(tmp_path, name) as journal:
            journal.append(0, outcomes()[0])
    with pytest.raises(InputError, match="holds lines of own, another, and no generation says"):
        take_up(tmp_path, Config())
    provenance.record(tmp_path, provenance.describe(run_id="own"))
    assert take_up(tmp_path, Config()).run_id == "own"
