"""The Slurm file on a real Slurm: time limit, requeue, end."""

from __future__ import annotations

from typing import Any

import pytest

from mpineat import store
from tests.jobs import slurm
from tests.jobs.searches import history, mpirun

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
