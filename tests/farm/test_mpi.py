"""The farm under a real mpirun, and alone: same outcomes, one exit code, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from mpineat.child.messages import Kind
from mpineat.cluster.launcher import LAUNCHERS
from mpineat.farm import mpi
from mpineat.farm.link import Patience

PROGRAM = Path(__file__).parent / "farm_program.py"
ROOT = Path(__file__).parents[2]
BESIDE = Path(sys.executable).parent / "mpirun"  # the wheels bring their own
MPIRUN = str(BESIDE) if BESIDE.exists() else shutil.which("mpirun")
# What an Open MPI wants to hear in a container with few cores; others ignore it.
PERMISSIONS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
NUMBERS = {variable for _, *names in LAUNCHERS for variable in names}
SECONDS = 100.0  # until a test gives up

needs_mpi = pytest.mark.skipif(MPIRUN is None, reason="no mpirun here")


def command(ranks: int, mode: str, logs: Path) -> list[str]:
    mpirun = [str(MPIRUN), "-np", str(ranks)] if ranks > 1 else []
    return [*mpirun, sys.executable, str(PROGRAM), mode, str(logs)]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in NUMBERS}
    return {**kept, **PERMISSIONS, "PYTHONPATH": str(ROOT)}


def run(ranks: int, mode: str, logs: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(ranks, mode, logs),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def seen(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    line = next(line for line in done.stdout.splitlines() if line.startswith("{"))
    return json.loads(line)


def children(logs: Path) -> list[int]:
    """Return the pids of child processes that write into `logs`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "fd" / "2").startswith(str(logs)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@needs_mpi
def test_one_rank_and_several_see_the_same(tmp_path):
    alone = run(1, "plain", tmp_path)
    several = run(3, "plain", tmp_path)
    assert (alone.returncode, several.returncode) == (0, 0), alone.stderr + several.stderr
    assert seen(alone)["outcomes"] == seen(several)["outcomes"]
    assert {status for _, status, _ in seen(alone)["outcomes"]} == {"ok"}
    assert (seen(alone)["size"], seen(several)["size"]) == (1, 3)
    assert seen(several)["ranks"] == [1, 2]
    assert children(tmp_path) == []


def test_alone_it_needs_no_mpi_and_rank_0_no_tensorflow(tmp_path):
    found = seen(run(1, "plain", tmp_path))
    assert (found["mpi4py"], found["tensorflow"]) == (False, False)


@pytest.mark.parametrize("ranks", [1, pytest.param(3, marks=needs_mpi)])
def test_killed_children_cost_no_outcome(tmp_path, ranks):
    done = run(ranks, "kill", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [status for _, status, _ in seen(done)["outcomes"]] == ["ok"] * 20


@pytest.mark.parametrize("ranks", [1, pytest.param(3, marks=needs_mpi)])
def test_a_timely_stop_reaches_the_shell_as_75(tmp_path, ranks):
    assert run(ranks, "signal", tmp_path).returncode == 75
    assert children(tmp_path) == []


@needs_mpi
def test_a_refused_configuration_ends_every_rank_with_2(tmp_path):
    assert run(3, "refuse", tmp_path).returncode == 2


@needs_mpi
@pytest.mark.parametrize("rank", [0, 1])
def test_an_uncaught_exception_ends_the_whole_job(tmp_path, rank):
    done = run(3, f"error on rank {rank}", tmp_path)
    assert done.returncode not in (0, 75)
    assert "ZeroDivisionError: for the test" in done.stderr
    assert f"rank {rank} failed and ends the job" in done.stderr


@pytest.mark.parametrize("ranks", [1, pytest.param(3, marks=needs_mpi)])
def test_workers_whose_children_do_not_start_end_the_run_in_words(tmp_path, ranks):
    done = run(ranks, "no child", tmp_path)
    assert done.returncode == 1
    assert "no worker is left" in done.stderr


@needs_mpi
def test_killed_ranks_leave_no_child_behind(tmp_path):
    job = subprocess.Popen(
        command(3, "slow", tmp_path), env=environment(), stderr=subprocess.DEVNULL
    )
    try:
        busy, end = tmp_path / "children", time.monotonic() + SECONDS
        while not (busy.exists() and busy.read_text() == "2") and time.monotonic() < end:
            time.sleep(0.05)
        assert len(children(tmp_path)) == 2
        for pid in children(tmp_path):
            rank = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            os.kill(rank, signal.SIGKILL)
        job.wait(SECONDS)
        while children(tmp_path) and time.monotonic() < end:
            time.sleep(0.05)
        assert children(tmp_path) == []
        assert job.returncode != 0
    finally:
        job.kill()
        job.wait()


@needs_mpi
def test_a_launcher_of_another_mpi_is_explained(tmp_path):
    """What every process of a foreign mpiexec sees: it believes to be rank 0 of three."""
    done = subprocess.run(
        command(1, "plain", tmp_path),
        env=environment() | {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "3"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode != 0
    assert "started 3 processes" in done.stderr


class Tardy:
    """A communicator like MPICH's, which tells of a message at the second probe after it came."""

    ANY_TAG, BYTE, Exception = -1, None, RuntimeError

    def __init__(self) -> None:
        self.probes, self.left = 0, 1

    def Iprobe(self, *_: Any) -> bool:
        self.probes += 1
        return self.probes > 1 and self.left > 0

    def Irecv(self, buffer: list[Any], *_: Any) -> Tardy:
        self.left -= 1
        return self

    def Test(self) -> bool:
        return True

    def Get_source(self) -> int:
        return 0

    def Get_tag(self) -> int:
        return Kind.END

    def Get_count(self, _: None) -> int:
        return 1


def test_a_message_that_came_is_found_at_one_look():
    """Else each message, a task or an outcome, waits for a whole pause more."""
    tardy, world = Tardy(), mpi.World.__new__(mpi.World)
    world._mpi = world._comm = world._status = tardy
    world._source, world._receiving, world._patience = 0, deque(), Patience()
    assert world.receive(0.0) is not None
