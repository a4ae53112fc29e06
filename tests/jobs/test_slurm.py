"""The Slurm file on a real Slurm: time limit, requeue, end."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpineat import store
from tests.jobs import slurm
from tests.jobs.searches import JOBS, ROOT, environment, history, mpirun, undisturbed

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(slurm.missing()), reason=f"no Slurm: {slurm.missing()}"),
    pytest.mark.skipif(mpirun() is None, reason="no mpirun"),
]


def test_job_hits_its_time_limit_is_requeued_and_finishes_as_if_undisturbed(
    tmp_path: Path,
) -> None:
    run_dir, log = tmp_path / "run", tmp_path / "log"
    # Slurm warns between 5 and 35 seconds after the start: 18 candidates a worker last longer.
    variables = environment(run_dir, "farm.dry_run_seconds=2")
    options = ("--time=1", "--signal=B:USR2@25", f"--output={log}")

    with slurm.start() as cluster:
        number = cluster.sbatch(JOBS / "cifar10.slurm", *options, cwd=ROOT, environment=variables)
        job = cluster.wait(number, seconds=200)

    assert job["JobState"] == "COMPLETED", log.read_text()
    launches = store.read_run(run_dir).launches
    assert len(launches) == int(job["Restarts"]) + 1 >= 2
    assert all(launch.ranks == 3 for launch in launches)
    assert all(launch.entry["batch"]["SLURM_JOB_ID"] == number for launch in launches)
    assert "asked to stop" in log.read_text()
    assert history(run_dir) == history(undisturbed(tmp_path / "undisturbed"))
