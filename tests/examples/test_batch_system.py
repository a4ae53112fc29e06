"""examples/batch_system.py, installed as a package of somebody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASK = "from mpineat.cluster import batch; print(batch.job_id(), *batch.recorded())"


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which the example's entry point is found."""
    shutil.copy(ROOT / "examples" / "batch_system.py", tmp_path / "grid.py")
    metadata = tmp_path / "grid-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: grid\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[mpineat.batch_system]\ngridengine = grid:GRID_ENGINE\n"
    )
    return {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{ROOT}"}


def python(*words: str, **variables: str) -> str:
    return subprocess.run(
        [sys.executable, *words], env=variables, cwd=ROOT, check=True, text=True,
        stdout=subprocess.PIPE,
    ).stdout  # fmt: skip


def test_its_job_file_is_made(installed: dict[str, str], tmp_path: Path) -> None:
    job = tmp_path / "job.sh"
    words = ("job", "configs/mnist.yaml", "--system", "gridengine", "-o", str(job))
    python("-m", "mpineat", *words, **installed)
    text = job.read_text()
    assert f"#   qsub {job}\n" in text
    assert "#$ -pe mpi 3\n#$ -l s_rt=2:55:00,h_rt=3:00:00\n" in text
    assert "requeue() { exit 99; }" in text
    subprocess.run(["bash", "-n", str(job)], check=True)


def test_its_jobs_are_known_unless_a_built_in_system_runs_this_one(
    installed: dict[str, str],
) -> None:
    job = {"JOB_ID": "7", "QUEUE": "all.q", "SGE_SECRET": "x"}
    assert python("-c", ASK, **installed, **job) == "7 JOB_ID QUEUE\n"
    assert python("-c", ASK, **installed, **job, SLURM_JOB_ID="8") == "8 SLURM_JOB_ID\n"
