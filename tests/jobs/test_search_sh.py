"""jobs/search.sh with a launcher of a few lines: signals, exit codes, requeue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mpineat.cluster.pbs import PBS
from mpineat.cluster.slurm import SLURM
from tests.jobs.searches import ROOT

# Notes the signals that it gets and ends with 75 on the one that this MPI passes on to its ranks.
MPIRUN = """\
#!{python}
import os, signal, sys, time
from pathlib import Path

def stop(number, frame):
    Path("signals").write_text("{signal}")
    sys.exit(75)

if sys.argv[1] == "--version":
    sys.exit(print("{version}"))
signal.signal(signal.SIG{signal}, stop)
Path("started").write_text(" ".join(sys.argv[1:]))
{body}
"""
WAIT = "time.sleep(60)"
JOB = """\
source jobs/site.sh
source jobs/search.sh
load_environment
requeue() {{ {requeue}; }}
cd "$FOLDER"
run_search 3 config.yaml run key=value
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def start(
    folder: Path,
    *,
    version: str = "HYDRA",
    number: str = "TERM",
    body: str = WAIT,
    requeue: str = SLURM.requeue,
    job: str = JOB,
    **variables: str,
) -> subprocess.Popen[str]:
    program(
        folder / "mpirun",
        MPIRUN.format(python=sys.executable, version=version, signal=number, body=body),
    )
    for name in ("scontrol", "qsub"):
        program(folder / name, '#!/bin/bash\necho "$@" >requeued\nexit ${REFUSED:-0}\n')
    program(folder / "python", "#!/bin/bash\nexit ${CHECK:-0}\n")
    environment = os.environ | {
        "FOLDER": str(folder),
        "PATH": f"{folder}:{os.environ['PATH']}",
        "MPINEAT_MODULES": "",
        "MPINEAT_CONDA": "",
        "MPINEAT_MPIRUN": "mpirun",
    }
    process = subprocess.Popen(
        ["bash", "-c", job.format(requeue=requeue), "job.sh"],
        cwd=ROOT, env=environment | variables, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    while body == WAIT and not (folder / "started").exists() and process.poll() is None:
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("code", [0, 1, 2, 75])
def test_ends_with_the_searches_exit_code(folder: Path, code: int) -> None:
    assert start(folder, body=f"sys.exit({code})").wait(timeout=20) == code
    assert (folder / "started").read_text() == (
        "-np 3 python -m mpineat run config.yaml run key=value --resume"
    )


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("HYDRA build details:", "TERM"),
        ("mpirun (Open MPI) 4.1.4", "USR2"),
        ("IBM Spectrum MPI 10.4", "USR2"),
    ],
)
def test_warning_reaches_the_ranks_by_the_signal_that_this_mpirun_passes_on(
    folder: Path, version: str, number: str
) -> None:
    job = start(folder, version=version, number=number)
    job.send_signal(signal.SIGUSR2)
    assert job.wait(timeout=20) == 75
    assert (folder / "signals").read_text() == number


def test_launcher_that_does_not_know_usr2_is_not_killed_by_it(folder: Path) -> None:
    # As when the batch system signals every process of the job.
    job = start(folder, body="os.kill(os.getpid(), signal.SIGUSR2); sys.exit(75)")
    assert job.wait(timeout=20) == 75


@pytest.mark.parametrize(
    ("variables", "requeued"),
    [
        ({"SLURM_JOB_ID": "7"}, "requeue 7\n"),
        # The array's last task has the array's own number; its siblings must stay finished.
        (
            {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"},
            "requeue 7_2\n",
        ),
    ],
)
def test_slurm_is_asked_to_requeue_after_75(
    folder: Path, variables: dict[str, str], requeued: str
) -> None:
    job = start(folder, **variables)
    job.send_signal(signal.SIGUSR2)
    assert job.wait(timeout=20) == 75
    assert (folder / "requeued").read_text() == requeued


def test_an_export_is_warned_and_requeued_without_mpirun(folder: Path) -> None:
    text = MPIRUN.format(python=sys.executable, version="", signal="TERM", body=WAIT)
    program(folder / "mpineat-python", text)
    export = JOB.replace("run_search 3 config.yaml run key=value", "run_export run m.keras -k v")
    job = start(
        folder, body="", job=export, SLURM_JOB_ID="7", MPINEAT_PYTHON="mpineat-python",
        MPINEAT_MPIRUN="must-not-be-called",
    )  # fmt: skip
    while not (folder / "started").exists() and job.poll() is None:
        time.sleep(0.02)
    job.send_signal(signal.SIGUSR2)
    assert job.wait(timeout=20) == 75
    assert (folder / "started").read_text() == "-m mpineat export run -k v -o m.keras --resume"
    assert (folder / "signals").read_text() == "TERM"
    assert (folder / "requeued").read_text() == "requeue 7\n"


def test_pbs_takes_the_same_file_again_after_75(folder: Path) -> None:
    job = start(folder, requeue=PBS.requeue, PBS_JOBID="7")
    job.send_signal(signal.SIGUSR2)
    assert job.wait(timeout=20) == 75
    assert (folder / "requeued").read_text() == "job.sh\n"


def test_job_that_cannot_be_requeued_says_so(folder: Path) -> None:
    job = start(folder, requeue=PBS.requeue, PBS_JOBID="7", REFUSED="1")
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=20) == 75
    assert "submit the job again" in (job.stderr.read() if job.stderr else "")


@pytest.mark.parametrize(
    ("version", "option"), [("HYDRA build details:", "-ppn 1"), ("Open MPI", "--map-by node")]
)
def test_ranks_of_several_nodes_take_turns(folder: Path, version: str, option: str) -> None:
    start(folder, version=version, body="", nodes="2").wait(timeout=20)
    assert (folder / "started").read_text().startswith(f"{option} -np 3 ")


def test_cancelled_job_stops_in_time_and_is_not_requeued(folder: Path) -> None:
    job = start(folder, SLURM_JOB_ID="7")
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=20) == 143
    assert (folder / "signals").exists()
    assert not (folder / "requeued").exists()


def test_failed_check_of_the_data_starts_no_rank(folder: Path) -> None:
    assert start(folder, body="", CHECK="2").wait(timeout=20) == 2
    assert not (folder / "started").exists()


def test_environment_that_cannot_be_loaded_ends_the_job(folder: Path) -> None:
    job = start(folder, body="", MPINEAT_CONDA=str(folder / "no-conda"))
    assert job.wait(timeout=20) == 2
    assert "no-conda" in (job.stderr.read() if job.stderr else "")
    assert not (folder / "started").exists()
