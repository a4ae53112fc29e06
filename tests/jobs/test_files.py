"""The job files as texts: the shell accepts them, and they ask for what the launch line needs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.jobs import bsub_standin
from tests.jobs.searches import JOBS

LSF = sorted(JOBS.glob("*.lsf"))
SLURM = sorted(JOBS.glob("*.slurm"))
SHARED = sorted(JOBS.glob("*.sh"))
RANKS = 3


def name(path: Path) -> str:
    return path.name


def sbatch_options(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("path", LSF + SLURM + SHARED, ids=name)
def test_bash_can_parse(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    files = [str(path) for path in LSF + SLURM + SHARED]
    found = subprocess.run(
        ["shellcheck", "-x", *files], cwd=JOBS.parent, text=True, stdout=subprocess.PIPE
    )
    assert found.stdout == ""


@pytest.mark.parametrize("path", LSF, ids=name)
def test_lsf_job_is_warned_in_time_and_requeued_on_75(path: Path) -> None:
    request = bsub_standin.parse(path.read_text(), [])

    assert request.requeue_codes == {75}
    assert request.options["wa"] == "USR2"
    assert request.minutes("wt") == 5
    assert request.slots >= RANKS
    assert request.options["R"] == "span[hosts=1]"
    assert f"num={RANKS - 1}:" in request.options["gpu"]
    assert f"ranks=${{MPINEAT_RANKS:-{RANKS}}}" in path.read_text()


@pytest.mark.parametrize("path", SLURM, ids=name)
def test_slurm_job_is_warned_in_time_and_may_be_requeued(path: Path) -> None:
    options = sbatch_options(path)

    assert "requeue" in options
    assert options["signal"] == "B:USR2@300"
    assert options["open-mode"] == "append"
    assert options["ntasks"] == str(RANKS)
    assert options["gres"] == f"gpu:{RANKS - 1}"


@pytest.mark.parametrize("path", SLURM, ids=name)
def test_lsf_and_slurm_twins_run_the_same_search_for_as_long(path: Path) -> None:
    twin = JOBS / f"polus_{path.stem}.lsf"
    commands = [
        re.sub(r"polus_|LSB_JOBINDEX|SLURM_ARRAY_TASK_ID", "", line)
        for file in (path, twin)
        for line in file.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    half = len(commands) // 2

    assert commands[:half] == commands[half:]
    assert (
        sbatch_options(path)["time"]
        == bsub_standin.parse(twin.read_text(), []).options["W"] + ":00"
    )


@pytest.mark.parametrize("path", LSF + SLURM, ids=name)
def test_submit_line_in_the_comment_names_the_file(path: Path) -> None:
    submit = "bsub < " if path.suffix == ".lsf" else "sbatch "
    assert f"{submit}jobs/{path.name}" in path.read_text()


def test_arrays_have_two_tasks_for_each_seed() -> None:
    lsf, batch = JOBS / "polus_experiment.lsf", JOBS / "experiment.slurm"
    (seeds,) = set(re.findall(r"--seeds (\d+)", lsf.read_text() + batch.read_text()))
    tasks = 2 * int(seeds)

    assert bsub_standin.parse(lsf.read_text(), []).indices == range(1, tasks + 1)
    assert sbatch_options(batch)["array"].startswith(f"1-{tasks}%")


@pytest.mark.parametrize("path", LSF + SLURM, ids=name)
def test_configuration_is_there(path: Path) -> None:
    default = re.search(r"MPINEAT_CONFIG:-(\S+?)\}", path.read_text())
    assert default
    config = default[1].replace("$dataset", "cifar10")
    assert (JOBS.parent / config).exists()
