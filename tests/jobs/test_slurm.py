"""A real Slurm: the job file's time limit, requeue and end; ranks on two nodes by srun."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mpineat import store
from tests.jobs import slurm
from tests.jobs.searches import CONFIG, OPTIONS, ROOT, history, mpirun

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(slurm.missing()), reason=f"no Slurm: {slurm.missing()}"),
    pytest.mark.skipif(mpirun() is None, reason="no mpirun"),
]


def test_job_hits_its_time_limit_is_requeued_and_finishes_as_if_undisturbed(
    slurm_job: slurm.Submitted, undisturbed: list[Any]
) -> None:
    job = slurm_job.cluster.wait(slurm_job.number, seconds=200)

    log = slurm_job.log.read_text()
    assert job["JobState"] == "COMPLETED", log
    launches = store.read_run(slurm_job.run_dir).launches
    assert len(launches) == int(job["Restarts"]) + 1 >= 2
    assert all(launch.ranks == 3 for launch in launches)
    assert all(launch.entry["batch"]["SLURM_JOB_ID"] == slurm_job.number for launch in launches)
    assert "asked to stop" in log
    assert history(slurm_job.run_dir) == undisturbed


@pytest.mark.skipif(slurm.lacks_two_nodes(), reason="no namespaces for nodes of their own names")
def test_srun_puts_ranks_on_two_nodes_and_the_history_is_the_same(
    tmp_path: Path, slurm_job: slurm.Submitted, undisturbed: list[Any]
) -> None:
    version = subprocess.run([str(mpirun()), "--version"], text=True, capture_output=True).stdout
    plugin = "pmix" if "Open MPI" in version else "pmi2"
    words = [f"--mpi={plugin}", "--nodes=2", "--ntasks=3", sys.executable, "-m", "mpineat", "run"]
    words += [str(CONFIG), str(tmp_path / "run"), *OPTIONS, "farm.dry_run_seconds=0.05"]

    done = slurm_job.cluster.srun(*words, cwd=ROOT, seconds=100)

    assert done.returncode == 0, done.stdout + done.stderr
    hosts = {o.host for g in store.read_run(tmp_path / "run").generations for o in g.outcomes}
    assert hosts == {"node01", "node02"}
    assert history(tmp_path / "run") == undisturbed
