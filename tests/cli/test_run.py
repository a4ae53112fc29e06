"""Signals in the first moments of `mpineat run`, before the run and even before MPI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.farm.test_mpi import MPIRUN, SECONDS, environment, needs_mpi

WORDS = ("-m", "mpineat", "run", "mpineat/embedded/digits.yaml")
OPTIONS = ("farm.evaluator=dry_run", "evolution.generations=1", "evolution.candidates=4")


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def catches(pid: int, number: int) -> bool:
    """Tell whether the process has a handler for the signal."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    mask = int(status.rpartition("SigCgt:")[2].split()[0], 16)
    return bool(mask >> (number - 1) & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_a_signal_amid_the_first_imports_ends_in_75(tmp_path, number):
    job = start(sys.executable, "-X", "importtime", *WORDS, str(tmp_path / "run"), *OPTIONS)
    assert job.stderr is not None
    early = next(line for line in job.stderr if "numpy" in line)  # the first heavy one is under way
    job.send_signal(number)
    rest = job.communicate(timeout=SECONDS)[1]
    assert job.returncode == 75, early
    assert f"mpineat: stopped before the run began: {number.name}" in rest
    assert not (tmp_path / "run").exists()


@needs_mpi
def test_a_signal_to_one_rank_before_mpi_ends_the_job_in_75(tmp_path):
    words = (*WORDS, str(tmp_path / "run"), *OPTIONS, "farm.dry_run_seconds=1")
    job = start(str(MPIRUN), "-np", "3", sys.executable, *words)
    try:
        end, hit = time.monotonic() + SECONDS, 0
        while not hit and time.monotonic() < end:
            ready = [pid for pid in ranks(job.pid) if catches(pid, signal.SIGTERM)]
            for hit in ready[:1]:
                os.kill(hit, signal.SIGTERM)
            time.sleep(0.002)
        errors = job.communicate(timeout=SECONDS)[1]
        assert job.returncode == 75, errors
    finally:
        job.kill()
        job.wait()


def ranks(launcher: int) -> list[int]:
    """Return the processes below `launcher` that run this program."""
    found, family = [], {launcher}
    for pid in sorted(int(entry.name) for entry in Path("/proc").glob("[0-9]*")):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(stat[1]) in family:
            family.add(pid)
            if words[0] == sys.executable.encode():
                found.append(pid)
    return found
