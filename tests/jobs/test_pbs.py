"""The PBS file, run by a stand-in for qsub: there is no PBS to test with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mpineat import store
from tests.jobs import qsub_standin
from tests.jobs.searches import JOBS, ROOT, environment, history, mpirun

pytestmark = pytest.mark.skipif(mpirun() is None, reason="no mpirun")


def qsub(script: Path, logs: Path, **variables: str) -> int:
    command = [sys.executable, qsub_standin.__file__, str(script), str(logs)]
    settings = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(command, env=settings, cwd=ROOT, timeout=120).returncode


def test_stopped_before_the_walltime_submitted_again_and_finished_as_if_undisturbed(
    tmp_path: Path, undisturbed: list[Any]
) -> None:
    run_dir = tmp_path / "run"
    variables = environment(run_dir, first_seconds=0.5)

    # Of these, 10 seconds stay for closing and 1 is the grace.
    code = qsub(JOBS / "cifar10.pbs", tmp_path, QSTAT_LEFT="14", **variables)

    first, second = sorted(tmp_path.glob("mpineat_*.o*"))
    assert code == 0, second.read_text()
    assert "PBS's time limit" in first.read_text()
    assert "stopped in time" in first.read_text()
    launches = store.read_run(run_dir).launches
    assert [launch.entry["batch"]["PBS_JOBID"] for launch in launches] == ["1.server", "2.server"]
    assert history(run_dir) == undisturbed


@pytest.mark.parametrize(
    "line", ["#PBS -l walltime=3h", "#PBS -l select=1:cpus=2", "#PBS --name x", "#PBS -N"]
)
def test_standin_refuses_what_qsub_refuses(line: str) -> None:
    with pytest.raises(qsub_standin.BadOption):
        qsub_standin.parse(f"#!/bin/bash\n{line}\n")
