"""Searches for the tests of the job files: real ranks, invented accuracies, seconds."""

from __future__ import annotations

import shutil
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
    "final.candidates=0",
    "run.grace_seconds=1",
)
# The first launch lasts until it is stopped; those after it wait for nothing.
SLOW_AT_FIRST = """\
#!/bin/bash
[ "$1" = --version ] || [ -e {run_dir} ] || set -- "$@" farm.dry_run_seconds={seconds}
exec {mpirun} --bind-to none "$@"
"""


def mpirun() -> str | None:
    """Return the mpirun that belongs to this interpreter's mpi4py."""
    return shutil.which("mpirun", path=str(Path(sys.executable).parent)) or shutil.which("mpirun")


def environment(run_dir: Path, *options: str, first_seconds: float = 0.0) -> dict[str, str]:
    """Return the variables that turn a job file into a small search on this machine.

    Args:
        first_seconds: What an evaluation of the first launch waits.
    """
    launcher = f"{mpirun()} --bind-to none"
    if first_seconds:
        script = run_dir.with_name("mpirun")
        settings = {"run_dir": run_dir, "seconds": first_seconds, "mpirun": mpirun()}
        script.write_text(SLOW_AT_FIRST.format(**settings))
        script.chmod(0o755)
        launcher = str(script)
    return {
        "MPINEAT_MODULES": "",
        "MPINEAT_CONDA": "",
        "MPINEAT_PYTHON": sys.executable,
        "MPINEAT_MPIRUN": launcher,
        "MPINEAT_CONFIG": str(CONFIG),
        "MPINEAT_RUN_DIR": str(run_dir),
        "MPINEAT_OPTIONS": " ".join((*OPTIONS, *options)),
    }


def history(run_dir: Path) -> list[Any]:
    """Return all that a search found: populations, networks and accuracies of each generation."""
    run = store.read_run(run_dir)
    assert run.problems == ()
    return [
        (g.state, g.candidates, [(o.candidate, o.network_hash, o.accuracy) for o in g.outcomes])
        for g in run.generations
    ]
