"""Searches for the tests of the job files: real ranks, invented accuracies, seconds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mpineat import store

ROOT = Path(__file__).parents[2]
JOBS = ROOT / "jobs"
CONFIG = ROOT / "configs" / "digits.yaml"
OPTIONS = (
    "farm.evaluator=dry_run",
    "evolution.generations=3",
    "evolution.early_discarding=none",  # as long as the limits of these jobs are made for
    "run.grace_seconds=1",
)


def mpirun() -> str | None:
    """Return the mpirun that belongs to this interpreter's mpi4py."""
    return shutil.which("mpirun", path=str(Path(sys.executable).parent)) or shutil.which("mpirun")


def environment(run_dir: Path, *options: str) -> dict[str, str]:
    """Return the variables that turn a job file into a small search on this machine."""
    return {
        "MPINEAT_MODULES": "",
        "MPINEAT_CONDA": "",
        "MPINEAT_PYTHON": sys.executable,
        "MPINEAT_MPIRUN": f"{mpirun()} --bind-to none",
        "MPINEAT_CONFIG": str(CONFIG),
        "MPINEAT_RUN_DIR": str(run_dir),
        "MPINEAT_OPTIONS": " ".join((*OPTIONS, *options)),
    }


def made(system: str, folder: Path, *options: str) -> Path:
    """Return the job file that the command `job` writes for a system."""
    path = folder / f"made.{system}"
    words = ["job", "configs/cifar10.yaml", "--system", system, "-o", str(path), *options]
    command = [sys.executable, "-m", "mpineat", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return path


def undisturbed(run_dir: Path) -> Path:
    """Run the same search on one rank, without waiting for anything, to its end."""
    command = [sys.executable, "-m", "mpineat", "run", str(CONFIG), str(run_dir), *OPTIONS]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return run_dir


def history(run_dir: Path) -> list[Any]:
    """Return all that a search found: populations, networks and accuracies of each generation."""
    run = store.read_run(run_dir)
    assert run.problems == ()
    return [
        (g.state, g.candidates, [(o.candidate, o.network_hash, o.accuracy) for o in g.outcomes])
        for g in run.generations
    ]
