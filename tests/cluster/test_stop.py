"""When a run stops: signals, their echoes, the wall clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from mpineat.cluster.stop import SIGNALS, Stop


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


def test_when_all_is_done_a_signal_changes_no_exit_code(installed):
    installed.over()
    for number in SIGNALS:
        os.kill(os.getpid(), number)
    assert installed.reason() is None


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


def test_the_grace_begins_with_the_signal_or_the_limit_whenever_that_is_noticed(clock):
    one = Stop(clock=clock)
    assert one.seconds_since() == 0.0
    one.limit(60.0, "run.wall_minutes = 1")
    clock.now += 63
    assert one.reason() is not None
    assert one.seconds_since() == 3.0
    other = Stop(clock=clock)
    other.request("SIGTERM")
    clock.now += 7
    assert other.seconds_since() == 7.0
