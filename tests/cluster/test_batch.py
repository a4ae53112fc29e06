"""What batch systems say of a job: its id, the time left, what is kept and what hidden."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mpineat import registry
from mpineat.cluster import batch
from mpineat.cluster.batch import BatchSystem, time_limit
from mpineat.cluster.pbs import left_by_qstat

SYSTEMS = tuple(registry.BUILT_IN["batch_system"])
QSTAT = """\
Job Id: 7.server
    Job_Name = mpineat
    resources_used.walltime = {used}
    Resource_List.select = 1:ncpus=18:ngpus=2
    Resource_List.walltime = 01:00:00
    {start} = {when}
"""


def left(environment: dict[str, str]) -> float | None:
    """Return the seconds of the limit, without grace or margin."""
    seconds, _ = time_limit(None, -batch.MARGIN_SECONDS, environment)
    return seconds


def command(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\ncat <<END\n{says}\nEND\n')
    path.chmod(0o755)


@pytest.fixture
def system_commands(tmp_path, monkeypatch):
    """Return a folder that comes first in PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "name"),
    [({"LSB_JOBID": "7"}, "LSF"), ({"SLURM_JOB_ID": "8"}, "Slurm"), ({"PBS_JOBID": "9.x"}, "PBS")],
)
def test_a_job_is_known_by_its_systems_variable(environment, name):
    assert batch.running(environment).name == name
    assert batch.job_id(environment) == next(iter(environment.values()))


def test_without_a_batch_system_there_is_no_job_and_no_limit():
    assert batch.running({}) is None
    assert batch.job_id({}) == ""
    assert time_limit(None, 30.0, {}) == (None, "")


def test_the_grace_fits_in_before_the_limit(monkeypatch):
    assert time_limit(10.0, 30.0, {}) == (570.0, "run.wall_minutes = 10")
    assert time_limit(0.1, 30.0, {})[0] == 0.0
    monkeypatch.setattr(batch.time, "time", lambda: 1000.0)
    environment = {"SLURM_JOB_ID": "1", "SLURM_JOB_END_TIME": "8200"}
    assert time_limit(None, 60.0, environment) == (
        7200.0 - 60.0 - batch.MARGIN_SECONDS,
        "Slurm's time limit",
    )
    assert time_limit(1.0, 0.0, environment)[0] == 60.0  # what is configured goes first


@pytest.mark.parametrize(
    ("text", "minutes", "seconds"),
    [
        ("1-02:03:04", False, 93784.0),  # squeue
        ("10:30", False, 630.0),
        ("45", False, 45.0),
        ("UNLIMITED", False, None),
        ("INVALID", False, None),
        ("", False, None),
        ("0:15 L", True, 900.0),  # bjobs
        ("11:58 L", True, 43080.0),
        ("-", True, None),
        ("9" * 5000, False, None),
    ],
)
def test_the_batch_systems_own_words_are_read(text, minutes, seconds):
    assert batch.seconds_of(text, minutes=minutes) == seconds


@pytest.mark.parametrize(
    ("environment", "name", "says", "seconds", "asked"),
    [
        ({"SLURM_JOB_ID": "7"}, "squeue", "1:00:00", 3600.0, "-h -j 7 -o %L"),
        (
            {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"},
            "squeue",
            "1:00:00",
            3600.0,
            "-h -j 7_2 -o %L",
        ),
        ({"LSB_JOBID": "8"}, "bjobs", "0:30 L", 1800.0, "-noheader -o time_left 8"),
        (
            {"LSB_JOBID": "8", "LSB_JOBINDEX": "3"},
            "bjobs",
            "0:30 L",
            1800.0,
            "-noheader -o time_left 8[3]",
        ),
        (
            {"PBS_JOBID": "9.server", "PBS_WALLTIME": "7200"},
            "qstat",
            QSTAT.format(used="00:20:00", start="x", when="y"),
            2400.0,
            "-f 9.server",
        ),
    ],
)
def test_the_batch_system_is_asked(system_commands, environment, name, says, seconds, asked):
    command(system_commands, name, says)
    assert left(environment) == seconds
    assert (system_commands / "asked").read_text().strip() == asked


@pytest.mark.parametrize("start", ["stime", "start_time"])  # PBS Professional's, Torque's
@pytest.mark.parametrize(
    ("used", "started", "seconds"),
    [
        ("00:00:00", 600.0, 3000.0),  # the server has not counted yet
        ("00:20:00", 600.0, 2400.0),
        ("00:10:00", 86400.0, 3000.0),  # suspended over night
        ("01:10:00", 4200.0, 0.0),
    ],
)
def test_pbs_tells_the_limit_what_was_used_and_the_start(start, used, started, seconds):
    now = 1.7e9
    text = QSTAT.format(used=used, start=start, when=time.ctime(now - started))
    assert left_by_qstat(text, now) == pytest.approx(seconds)
    assert left_by_qstat("qstat: Unknown Job Id", now) is None


@pytest.mark.parametrize(
    ("environment", "program"),
    [({"LSB_JOBID": "8"}, "bjobs"), ({"SLURM_JOB_ID": "; touch x"}, "squeue")],
)
def test_a_batch_system_that_does_not_answer_sets_no_limit(
    system_commands, monkeypatch, caplog, environment, program
):
    (system_commands / program).write_text("#!/bin/sh\necho no such job >&2\nexit 1\n")
    (system_commands / program).chmod(0o755)
    assert left(environment) is None
    assert "no such job" in caplog.text
    monkeypatch.setenv("PATH", "/nowhere")
    assert left(environment) is None
    assert "No such file" in caplog.text
    assert not Path("x").exists()


def test_a_limit_counts_without_the_jobs_id(monkeypatch):
    monkeypatch.setattr(batch.time, "time", lambda: 1000.0)
    assert left({"SLURM_JOB_END_TIME": "1600"}) == 600.0
    assert left({"PBS_WALLTIME": "120"}) == 120.0


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("SLURM_JOB_ID", "SLURM_JOB_END_TIME"),
        ("PBS_JOBID", "PBS_WALLTIME"),
        ("HOME", "SLURM_JOB_END_TIME"),
    ],
)
@pytest.mark.parametrize("value", ["0", "-5", "nan", "inf", "-inf", "1e999", "1e300", "soon"])
def test_a_limit_that_makes_no_sense_is_ignored_by_name(monkeypatch, caplog, identity, name, value):
    monkeypatch.setenv("PATH", "/nowhere")
    assert left({identity: "7", name: value}) is None
    assert f"{name} = {value!r}: expected" in caplog.text


def test_an_end_in_the_past_stops_nothing_and_slurm_is_asked(system_commands, caplog):
    command(system_commands, "squeue", "30:00")
    assert left({"SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": "1000"}) == 1800.0
    assert "SLURM_JOB_END_TIME = '1000'" in caplog.text


def test_what_is_recorded_is_named_and_nothing_else_passes():
    kept = {
        "SLURM_JOB_ID": "42",
        "SLURM_JOB_PARTITION": "gpu",
        "LSB_MCPU_HOSTS": "a 2 b 2",
        "PBS_QUEUE": "workq",
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "4",
    }
    secret = {
        "SLURM_JWT": "eyJ",
        "SLURM_TOKEN": "x",
        "LSB_SECRETS": "hunter2",
        "PBS_JOBCOOKIE": "0F",
        "PBS_O_PATH": "/bin",
        "CUDA_VISIBLE_DEVICES_KEY": "x",
    }
    assert batch.recorded(kept | secret) == kept


@pytest.mark.parametrize("name", SYSTEMS)
def test_nothing_that_is_recorded_sounds_like_a_secret(name):
    system: BatchSystem = registry.load("batch_system", name)
    assert system.job in system.recorded
    words = ("JWT", "TOKEN", "SECRET", "COOKIE", "KEY", "PASS", "AUTH", "CRED")
    assert not [kept for kept in system.recorded if any(word in kept for word in words)]


@pytest.mark.parametrize("environment", [{}, {"LSB_JOBID": "7"}, {"SLURM_JOB_ID": "8"}])
def test_srun_leaves_its_variables_with_and_without_an_allocation(environment):
    assert "SLURM_PROCID".startswith(batch.hidden(environment))
