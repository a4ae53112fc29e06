"""The two laws: one seed gives one history, with any number of workers and across any stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mpineat import store
from mpineat.config import yaml_file
from mpineat.store import Generation, directory
from mpineat.store.journal import read
from tests.farm.test_mpi import MPIRUN, SECONDS, environment, needs_mpi
from tests.searches import CANDIDATES, GENERATIONS, configured, history, search

VARIANTS: list[dict[str, Any]] = [
    {},
    {"inherit": True, "evolve_training": True},
    {"early_discarding": "screen", "screen_epochs": 2},
    {"reuse_outcomes": False, "failed_fitness": "ignore", "retain_modules": 0.0},
]


class Crash(BaseException):
    """The end of the process at some instant; nothing catches it."""


class Power:
    """The power supply of this process: how many syncs of files it lasts for."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._sync = os.fsync
        self.lasts = self.used = 0
        self.restore()
        patch.setattr(os, "fsync", self.sync)

    def sync(self, handle: int) -> None:
        self.used += 1
        if self.used > self.lasts:
            raise Crash
        self._sync(handle)

    def fail_after(self, syncs: int) -> None:
        self.lasts, self.used = syncs, 0

    def restore(self) -> None:
        self.fail_after(10**9)


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Power:
    return Power(monkeypatch)


@dataclass(frozen=True)
class Whole:
    """The undisturbed run of `configured()`: its history, and the syncs that it took."""

    history: tuple[Generation, ...]
    syncs: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    run_dir = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        power = Power(patch)
        search(run_dir, configured())
    return Whole(history(run_dir), power.used)


def break_off(run_dir: Path, power: Power, syncs: int, **evolution: Any) -> None:
    """Begin a run that ends after so many syncs."""
    power.fail_after(syncs)
    with pytest.raises(Crash):
        search(run_dir, configured(**evolution), workers=3)
    power.restore()


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_any_number_of_workers_and_any_stop_give_the_same_history(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    histories = []
    for workers in (1, 5):
        run_dir = tmp_path / str(workers)
        search(run_dir, configured(**options), workers=workers, order=workers)
        histories.append(history(run_dir))
    stopped = tmp_path / "stopped"
    for generations in (1, 2, GENERATIONS):  # what a strategy keeps outside of the State is lost
        search(stopped, configured(**options, generations=generations), workers=2)
    histories.append(history(stopped))
    assert [one.number for one in histories[0]] == list(range(GENERATIONS + 1))  # with the final
    assert histories[0] == histories[1] == histories[2]


def acknowledged(run_dir: Path) -> set[int]:
    """Return the candidates whose outcomes are on disk."""
    run = store.read_run(run_dir)
    finished = [outcome for one in run.generations for outcome in one.outcomes]
    return {outcome.candidate for outcome in (*finished, *run.outcomes, *run.final_outcomes)}


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.97])
def test_a_crash_at_any_sync_changes_nothing_and_loses_nothing(
    tmp_path: Path, whole: Whole, power: Power, share: float
) -> None:
    break_off(tmp_path, power, int(share * whole.syncs))
    known = acknowledged(tmp_path)
    again = search(tmp_path, configured(), workers=2, order=7)
    assert history(tmp_path) == whole.history
    assert known.isdisjoint(again)


@pytest.mark.parametrize("schedule", ["generational", "steady"])
def test_screened_or_trained_in_full_nothing_is_lost_by_crashes(
    tmp_path: Path, power: Power, schedule: str
) -> None:
    options = {"early_discarding": "screen", "screen_share": 0.4, "schedule": schedule}
    undisturbed = tmp_path / "undisturbed"
    search(undisturbed, configured(**options))
    run_dir, acknowledged_in_full = tmp_path / "crashed", set()
    for crash in range(99):
        power.fail_after(9)
        with suppress(Crash):
            again = search(run_dir, configured(**options), order=crash)
            break
        run = store.read_run(run_dir)
        acknowledged_in_full |= {o.candidate for o in run.outcomes if o.status == "ok"}
    power.restore()
    assert crash > 3
    assert acknowledged_in_full.isdisjoint(again)
    found = history(run_dir)
    statuses = [outcome.status for one in found for outcome in one.outcomes]
    assert {"ok", "discarded"} == set(statuses)
    if schedule == "generational":
        assert found == history(undisturbed)


def test_many_crashes_in_a_row_change_nothing(tmp_path: Path, whole: Whole, power: Power) -> None:
    crashes = 0
    while not tmp_path.joinpath("done").exists():
        power.fail_after(12)
        with suppress(Crash):
            search(tmp_path, configured(), order=crashes)
            tmp_path.joinpath("done").touch()
        crashes += 1
    assert crashes > 3
    assert history(tmp_path) == whole.history


def test_the_loss_of_the_newest_file_loses_no_evaluation(tmp_path: Path, whole: Whole) -> None:
    search(tmp_path, configured(generations=2))
    newest = directory.generation_path(tmp_path, 1)
    newest.write_bytes(newest.read_bytes()[:-9])
    again = search(tmp_path, configured(), accept_damage=True)
    assert history(tmp_path) == whole.history
    assert min(again) >= 2 * CANDIDATES  # generation 1 came from the journal
    assert newest.with_name(newest.name + ".damaged").exists()


def test_the_loss_of_every_file_begins_anew_with_the_same_history(
    tmp_path: Path, whole: Whole
) -> None:
    search(tmp_path, configured())
    for path in directory.generation_paths(tmp_path):
        path.write_bytes(b"")
    search(tmp_path, configured(), accept_damage=True)
    assert history(tmp_path) == whole.history


def test_a_damaged_line_of_the_journal_costs_its_evaluation_alone(
    tmp_path: Path, whole: Whole, power: Power
) -> None:
    break_off(tmp_path, power, whole.syncs * 2 // 3)
    book = tmp_path / directory.JOURNAL
    first, *rest = book.read_bytes().splitlines(keepends=True)
    assert rest
    book.write_bytes(b"".join((first.replace(b"status", b"Status"), *rest)))
    known = acknowledged(tmp_path)
    again = search(tmp_path, configured())
    assert history(tmp_path) == whole.history
    assert known.isdisjoint(again)


@pytest.mark.parametrize(("syncs", "workers"), [(5, 4), (20, 2), (35, 4), (40, 2), (50, 5)])
def test_steady_loses_and_doubles_nothing_across_a_crash(
    tmp_path: Path, power: Power, syncs: int, workers: int
) -> None:
    break_off(tmp_path, power, syncs, schedule="steady")
    known = acknowledged(tmp_path)
    again = search(tmp_path, configured(schedule="steady"), workers=workers, order=5)
    assert known.isdisjoint(again)
    finished = [o.candidate for one in history(tmp_path)[:GENERATIONS] for o in one.outcomes]
    assert sorted(finished) == list(range(GENERATIONS * CANDIDATES))


def test_steady_goes_on_where_the_line_of_a_candidate_is_damaged(
    tmp_path: Path, power: Power
) -> None:
    """Fewer workers ask fewer candidates ahead: an outcome may then belong to nobody."""
    power.fail_after(22)
    with pytest.raises(Crash):
        search(tmp_path, configured(schedule="steady"), workers=9)
    power.restore()
    book = tmp_path / directory.JOURNAL
    lines = book.read_bytes().splitlines(keepends=True)
    last = max(outcome.candidate for outcome in read(tmp_path).of(0).outcomes)
    assert last > CANDIDATES
    asked = next(
        n for n, line in enumerate(lines) if b'"candidate","value":{"id":%d,' % last in line
    )
    lines[asked] = lines[asked].replace(b"candidate", b"Candidate")
    book.write_bytes(b"".join(lines))
    search(tmp_path, configured(schedule="steady"), workers=1)
    outcomes = [o.candidate for one in history(tmp_path)[:GENERATIONS] for o in one.outcomes]
    assert len(outcomes) == len(set(outcomes)) == GENERATIONS * CANDIDATES - 1


def launch(run_dir: Path, ranks: int, *options: str) -> subprocess.Popen[str]:
    """Start or continue the run of `configured()` under mpirun."""
    config = run_dir.with_suffix(".yaml")
    config.write_text(yaml_file.dumps(configured()))
    mpirun = [str(MPIRUN), "-np", str(ranks)] if ranks > 1 else []
    words = [sys.executable, "-m", "mpineat", "run", str(config), str(run_dir)]
    return subprocess.Popen(
        [*mpirun, *words, *options, "--resume"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(run_dir: Path, ranks: int) -> None:
    """Work on the run until it is done."""
    with launch(run_dir, ranks) as job:
        said, _ = job.communicate(timeout=SECONDS)
    assert job.returncode == 0, said


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, and itself."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except OSError:
            continue
    found = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found


@needs_mpi
def test_under_mpirun_as_in_this_process(tmp_path: Path, whole: Whole) -> None:
    for ranks in (1, 3):  # below, 4
        finish(tmp_path / str(ranks), ranks)
        assert history(tmp_path / str(ranks)) == whole.history, f"{ranks} ranks"


@needs_mpi
def test_killed_under_mpirun_and_resumed_on_more_ranks(tmp_path: Path, whole: Whole) -> None:
    run_dir = tmp_path / "run"
    with launch(run_dir, 3, "farm.dry_run_seconds=0.3") as job:
        while len(read(run_dir).of(1).outcomes) < 2 and job.poll() is None:
            time.sleep(0.02)
        for pid in descendants(job.pid):
            with suppress(ProcessLookupError):  # children end with their rank
                os.kill(pid, signal.SIGKILL)
        job.communicate()
    known = {outcome.candidate: outcome for outcome in read(run_dir).of(1).outcomes}
    assert len(known) >= 2
    finish(run_dir, 4)
    assert history(run_dir) == whole.history
    second = store.read(directory.generation_path(run_dir, 1))
    assert known.items() <= {outcome.candidate: outcome for outcome in second.outcomes}.items()
