"""When a run stops: signals, their echoes, the wall clock, and what batch systems say is left."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpineat.cluster import stop
from mpineat.cluster.stop import SIGNALS, Stop, batch_seconds_left, parse_left, time_limit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def installed(clock: Clock) -> Iterator[Stop]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests by nohup ignores it
    one = Stop(clock=clock)
    one.install()
    yield one
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_to_stop_by_its_name(installed, number):
    assert installed.reason() is None
    os.kill(os.getpid(), number)
    assert installed.reason() == number.name
    assert not installed.at_once()


def test_a_second_signal_ends_at_once(installed, clock):
    ended = []
    installed.on_second = lambda: ended.append(True)
    os.kill(os.getpid(), signal.SIGUSR2)
    clock.now += 10
    os.kill(os.getpid(), signal.SIGTERM)
    assert installed.at_once()
    assert ended == [True]
    assert installed.reason() == "SIGUSR2"


def test_the_echo_of_one_kill_is_no_second_signal(installed, clock):
    os.kill(os.getpid(), signal.SIGTERM)  # from mpiexec
    clock.now += 0.2
    os.kill(os.getpid(), signal.SIGTERM)  # and from the batch system
    assert not installed.at_once()


def test_the_cpu_limits_signal_repeats_itself(installed, clock):
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGXCPU)
        clock.now += 10
    assert installed.reason() == "SIGXCPU"
    assert not installed.at_once()


def test_a_hangup_that_nohup_ignores_stays_ignored():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Stop().install()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_another_ranks_signal_counts_and_only_its_own_second_ends(clock):
    one = Stop(clock=clock)
    one.request("SIGTERM on rank 1")
    clock.now += 30
    one.request("SIGTERM on rank 2")  # the same kill, heard late
    assert one.reason() == "SIGTERM on rank 1"
    assert not one.at_once()
    one.request("SIGTERM on rank 2", again=True)
    assert one.at_once()


def test_the_limit_is_the_reason_once_it_has_passed(clock):
    one = Stop(clock=clock)
    one.limit(60.0, "run.wall_minutes = 1")
    assert one.seconds_left() == 60.0
    clock.now = 59.9
    assert one.reason() is None
    clock.now = 60.0
    assert one.reason() == "run.wall_minutes = 1"


def test_the_grace_fits_in_before_the_limit():
    assert time_limit(10.0, 30.0) == (570.0, "run.wall_minutes = 10")
    assert time_limit(0.1, 30.0)[0] == 0.0


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
    ],
)
def test_the_batch_systems_own_words_are_read(text, minutes, seconds):
    assert parse_left(text, minutes) == seconds


def command(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\necho "{says}"\n')
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.mark.parametrize(
    ("environ", "name", "says", "seconds", "asked"),
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
    ],
)
def test_the_batch_system_is_asked(tmp_path, monkeypatch, environ, name, says, seconds, asked):
    command(tmp_path, name, says)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert batch_seconds_left(environ)[0] == seconds
    assert (tmp_path / "asked").read_text().strip() == asked


def test_a_batch_system_that_does_not_answer_sets_no_limit(monkeypatch, caplog):
    monkeypatch.setenv("PATH", "/nowhere")
    assert batch_seconds_left({"LSB_JOBID": "8"})[0] is None
    assert "cannot ask the batch system" in caplog.text


def test_slurms_and_torques_variables_need_no_command(monkeypatch):
    monkeypatch.setattr(stop.time, "time", lambda: 1000.0)
    assert batch_seconds_left({"SLURM_JOB_END_TIME": "1600", "SLURM_JOB_ID": "1"})[0] == 600.0
    assert batch_seconds_left({"PBS_WALLTIME": "120"})[0] == 120.0
    assert batch_seconds_left({})[0] is None


def test_configured_minutes_go_before_the_batch_systems(monkeypatch):
    environ = {"PBS_WALLTIME": "7200"}
    assert time_limit(1.0, 0.0, environ)[0] == 60.0
    assert time_limit(None, 60.0, environ)[0] == 7200.0 - 60.0 - stop.MARGIN_SECONDS
