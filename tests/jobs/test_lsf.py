"""The LSF files, run by a stand-in for bsub: there is no LSF to test with."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mpineat import store
from tests.jobs import bsub_standin
from tests.jobs.searches import JOBS, ROOT, environment, history, mpirun

pytestmark = pytest.mark.skipif(mpirun() is None, reason="no mpirun")


def bsub(script: Path, log: Path, *options: str, **variables: str) -> int:
    command = [sys.executable, bsub_standin.__file__, "-o", str(log), *options]
    settings = {**os.environ, "BSUB_MINUTE": "20", **variables}
    with script.open() as file:
        return subprocess.run(command, stdin=file, env=settings, cwd=ROOT, timeout=120).returncode


def test_warned_in_generation_1_requeued_and_finished_as_if_undisturbed(
    tmp_path: Path, undisturbed: list[Any]
) -> None:
    run_dir, log = tmp_path / "run", tmp_path / "log"
    warn_at = run_dir / "generations" / "generation_0000.h5"
    variables = environment(run_dir, first_seconds=0.3)

    code = bsub(JOBS / "polus_cifar10.lsf", log, BSUB_WARN_AT=str(warn_at), **variables)

    text = log.read_text()
    first, second = text.split("Exited with exit code 75.")
    assert code == 0
    assert "stopped in time" in first
    assert "generation 1 has" in first
    assert "resumed        in generation 1" in second
    assert "Successfully completed." in second
    launches = store.read_run(run_dir).launches
    assert [launch.ranks for launch in launches] == [3, 3]
    assert {launch.entry["batch"]["LSB_JOBNAME"] for launch in launches} == {"mpineat_cifar10"}
    assert history(run_dir) == undisturbed


def test_killed_at_the_run_limit_goes_on_when_submitted_again(
    tmp_path: Path, undisturbed: list[Any]
) -> None:
    run_dir, log = tmp_path / "run", tmp_path / "log"
    variables = environment(run_dir, first_seconds=0.3)
    # Without the lines that ask for a warning: a parallel job is then killed unheard.
    script = tmp_path / "unwarned.lsf"
    lines = (JOBS / "polus_cifar10.lsf").read_text().splitlines(keepends=True)
    script.write_text("".join(line for line in lines if not line.startswith("#BSUB -w")))
    killed = bsub(script, log, "-W", "1", BSUB_MINUTE="5", **variables)
    again = bsub(script, log, **variables)

    assert (killed, again) == (137, 0)
    assert history(run_dir) == undisturbed


def test_missing_data_ends_the_job_before_mpirun_with_code_2(tmp_path: Path) -> None:
    log = tmp_path / "log"
    variables = environment(tmp_path / "run") | {
        "MPINEAT_CONFIG": str(ROOT / "configs" / "cifar10.yaml"),
        "MPINEAT_DATA": str(tmp_path / "nowhere"),
        "MPINEAT_MPIRUN": "must-not-be-called",
    }
    code = bsub(JOBS / "polus_cifar10.lsf", log, **variables)

    assert code == 2
    assert str(tmp_path / "nowhere" / "cifar10") in log.read_text()
    assert not (tmp_path / "run").exists()


def test_array_runs_both_groups_from_the_same_start(tmp_path: Path) -> None:
    variables = environment(
        tmp_path / "unused", "evolution.generations=1", "evolution.candidates=4"
    )
    variables["MPINEAT_OUTPUT"] = str(tmp_path / "experiment")
    variables["MPINEAT_RANKS"] = "2"
    log = tmp_path / "log.%I"

    code = bsub(JOBS / "polus_experiment.lsf", log, "-J", "pair[3-4]", **variables)

    plain = store.read_run(tmp_path / "experiment" / "plain-s1")
    compressed = store.read_run(tmp_path / "experiment" / "compressed-s1")
    assert code == 0
    assert plain.config is not None
    assert compressed.config is not None
    assert (plain.config.run.seed, plain.config.compression.enabled) == (1, False)
    assert (compressed.config.run.seed, compressed.config.compression.enabled) == (1, True)
    assert plain.generations[0].candidates == compressed.generations[0].candidates


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("#BSUB -W 3:00:00", "Bad argument for option -W"),
        ("#BSUB --time 3:00", "Illegal option"),
        ("#BSUB -W 10\n#BSUB -wa USR2", "must be used together"),
        ("#BSUB -W 10\n#BSUB -wa USR2\n#BSUB -wt 10", "before the job starts"),
    ],
)
def test_standin_refuses_what_bsub_refuses(
    line: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"#!/bin/bash\n{line}\n"))

    assert bsub_standin.main([]) == 255
    assert message in capsys.readouterr().err
