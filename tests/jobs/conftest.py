"""What the tests of job files share: the history to compare with, and the minute of a Slurm job."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.jobs import slurm
from tests.jobs.searches import CONFIG, OPTIONS, ROOT, history, mpirun


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, _checkout_first: None) -> list[Any]:
    """Return the history of the same search on one rank, run to its end at once."""
    run_dir = tmp_path_factory.mktemp("undisturbed") / "run"
    command = [sys.executable, "-m", "mpineat", "run", str(CONFIG), str(run_dir), *OPTIONS]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return history(run_dir)


@pytest.fixture(scope="session", autouse=True)
def slurm_job(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    _checkout_first: None,
) -> Iterator[slurm.Submitted | None]:
    """Submit the Slurm test's job, so that its time limit passes beside the other tests."""
    wanted = any(item.get_closest_marker("slurm") for item in request.session.items)
    with ExitStack() as stack:
        if wanted and not slurm.missing() and mpirun():
            yield stack.enter_context(slurm.submitted(tmp_path_factory.mktemp("slurm")))
        else:
            yield None
