"""A finished run with the stand-in evaluation, made once for all tests of the report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mpineat.report.overview import Overview, overview


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "digits-s7"
    options = ("farm.evaluator=dry_run", "evolution.generations=3", "run.seed=7")
    subprocess.run(
        [sys.executable, "-m", "mpineat", "run", "configs/digits.yaml", str(run_dir), *options],
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    return run_dir


@pytest.fixture(scope="session")
def finished(finished_run: Path) -> Overview:
    return overview(finished_run)
