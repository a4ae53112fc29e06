"""The supervisor over real child processes: kills, hangs, hogs, failed starts."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mpineat.child.keras_settings import SETTINGS
from mpineat.child.messages import READY, REFUSAL, Kind, Message, Setup
from mpineat.child.process import Child, environment
from mpineat.child.supervisor import Supervisor
from mpineat.tasks import outcome_from_bytes, task_to_bytes
from mpineat.wire import WireError
from tests import evaluations

PATIENCE = 60.0  # seconds until a test gives up; a loaded machine starts Python slowly


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    one = Supervisor()
    yield one
    one.close()


def start(supervisor: Supervisor, tmp_path: Path, **farm: Any) -> None:
    log = tmp_path / "rank_0004.log"
    config = evaluations.config(**farm)
    supervisor.setup(Setup(config=config, rank=4, host="here", log_path=str(log)))


def expect(supervisor: Supervisor, kind: Kind) -> Message:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if news := supervisor.step(0.1):
            assert news.kind == kind, news
            return news
    raise AssertionError(f"no {kind.name} came")


def child_of(supervisor: Supervisor) -> int:
    return supervisor._child.pid


def wait_until_busy(supervisor: Supervisor) -> None:
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        supervisor.step(0.05)


def test_one_child_evaluates_many_tasks(supervisor, tmp_path):
    start(supervisor, tmp_path)
    assert READY.unpack(expect(supervisor, Kind.READY).payload).device == "dry run"
    pids = set()
    for number in range(5):
        supervisor.give(task_to_bytes(evaluations.task(number)))
        answer = outcome_from_bytes(expect(supervisor, Kind.OUTCOME).payload)
        assert (answer.candidate, answer.status, answer.rank) == (number, "ok", 4)
        pids.add(child_of(supervisor))
    assert len(pids) == 1
    assert supervisor.state == "idle"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_child_is_the_machines_fault_and_is_replaced(supervisor, tmp_path, number):
    start(supervisor, tmp_path, dry_run_seconds=1000.0)
    expect(supervisor, Kind.READY)
    supervisor.give(task_to_bytes(evaluations.task(1, attempt=2)))
    wait_until_busy(supervisor)
    os.kill(child_of(supervisor), number)
    failed = outcome_from_bytes(expect(supervisor, Kind.FAULT).payload)
    assert (failed.status, failed.fault, failed.reason) == ("failed", "machine", "killed")
    assert number.name in failed.detail
    assert (failed.rank, failed.host, failed.attempts) == (4, "here", 2)
    expect(supervisor, Kind.READY)


def test_a_child_that_dies_idle_is_replaced_before_the_next_task(supervisor, tmp_path):
    start(supervisor, tmp_path)
    expect(supervisor, Kind.READY)
    os.kill(child_of(supervisor), signal.SIGKILL)
    supervisor.give(task_to_bytes(evaluations.task(1)))
    end = time.monotonic() + PATIENCE
    kinds = []
    while Kind.OUTCOME not in kinds and Kind.FAULT not in kinds and time.monotonic() < end:
        if news := supervisor.step(0.1):
            kinds.append(news.kind)
    assert kinds[-1] in (Kind.OUTCOME, Kind.FAULT), "the task must not vanish with its child"


@pytest.mark.parametrize("dies", [False, True])
def test_a_child_started_before_its_setup_was_known_is_used_if_it_lives(tmp_path, dies):
    early = Child()
    supervisor = Supervisor(early)
    try:
        if dies:
            os.kill(early.pid, signal.SIGKILL)
        assert supervisor.step(0.1) is None
        start(supervisor, tmp_path)
        expect(supervisor, Kind.READY)
        assert (child_of(supervisor) == early.pid) != dies
    finally:
        supervisor.close()


def test_a_hang_ends_at_the_deadline_even_of_a_stopped_child(supervisor, tmp_path):
    start(supervisor, tmp_path, dry_run_seconds=1000.0, task_minutes=1.5 / 60)
    expect(supervisor, Kind.READY)
    supervisor.give(task_to_bytes(evaluations.task(1)))
    os.kill(child_of(supervisor), signal.SIGSTOP)
    failed = outcome_from_bytes(expect(supervisor, Kind.FAULT).payload)
    assert (failed.fault, failed.reason) == ("machine", "timeout")
    expect(supervisor, Kind.READY)


def test_a_training_of_more_epochs_may_take_longer(supervisor, tmp_path):
    start(supervisor, tmp_path, dry_run_seconds=0.3, task_minutes=1 / 60)
    expect(supervisor, Kind.READY)
    supervisor.give(task_to_bytes(evaluations.task(1, context={"epochs": 8 * 10.0})))
    outcome = outcome_from_bytes(expect(supervisor, Kind.OUTCOME).payload)
    assert outcome.status == "ok"
    assert outcome.seconds.total > 1.0  # which would have been too long for the usual epochs


def test_a_stopped_child_is_continued(supervisor, tmp_path):
    start(supervisor, tmp_path, dry_run_seconds=0.2)
    expect(supervisor, Kind.READY)
    os.kill(child_of(supervisor), signal.SIGSTOP)
    supervisor.give(task_to_bytes(evaluations.task(1)))
    assert outcome_from_bytes(expect(supervisor, Kind.OUTCOME).payload).status == "ok"


def test_a_child_that_eats_memory_is_killed(supervisor, tmp_path):
    start(supervisor, tmp_path, dry_run_seconds=1000.0)
    expect(supervisor, Kind.READY)
    limit = supervisor.rss_mb / 2
    supervisor._setup = Setup(
        config=evaluations.config(memory_mb=limit, dry_run_seconds=1000.0), rank=4, host="here"
    )
    supervisor.give(task_to_bytes(evaluations.task(1)))
    failed = outcome_from_bytes(expect(supervisor, Kind.FAULT).payload)
    assert "farm.memory_mb" in failed.detail


def test_a_child_is_replaced_after_so_many_tasks(supervisor, tmp_path):
    start(supervisor, tmp_path, tasks_per_child=2)
    expect(supervisor, Kind.READY)
    first = child_of(supervisor)
    supervisor.give(task_to_bytes(evaluations.task(1)))
    expect(supervisor, Kind.OUTCOME)
    supervisor.give(task_to_bytes(evaluations.task(2)))
    worn = expect(supervisor, Kind.FAULT)  # busy with the replacement, but the outcome is whole
    assert outcome_from_bytes(worn.payload).status == "ok"
    expect(supervisor, Kind.READY)
    assert child_of(supervisor) != first


@pytest.mark.parametrize(
    ("python", "why"),
    [("/no/such/python", "cannot be started"), ("/bin/false", "exited with code 1")],
)
def test_a_worker_without_a_child_retires(supervisor, tmp_path, python, why):
    start(supervisor, tmp_path, python=python)
    refusal = REFUSAL.unpack(expect(supervisor, Kind.REFUSED).payload)
    assert why in refusal.why
    assert not refusal.input
    assert supervisor.state == "retired"


def test_a_child_that_refuses_to_start_retires_its_worker(supervisor, tmp_path):
    config = evaluations.config().model_copy(
        update={
            "dataset": evaluations.config().dataset.model_copy(
                update={"name": "mnist", "path": "/no"}
            )
        }
    )
    supervisor.setup(Setup(config=config, rank=1, host="here", log_path=str(tmp_path / "log")))
    refusal = REFUSAL.unpack(expect(supervisor, Kind.REFUSED).payload)
    assert refusal.input
    assert "/no" in refusal.why


def test_closing_kills_the_childs_whole_group(supervisor, tmp_path):
    start(supervisor, tmp_path)
    expect(supervisor, Kind.READY)
    pid = child_of(supervisor)
    assert os.getsid(pid) == pid, "a session of its own: signals for the job must not reach it"
    supervisor.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert supervisor.step(0.0) is None


def test_launcher_variables_do_not_reach_the_child():
    given = {"OMPI_COMM_WORLD_RANK": "1", "PMI_RANK": "1", "SLURM_PROCID": "1", "HOME": "/home/me"}
    assert environment(given) == {"HOME": "/home/me", **SETTINGS}


def test_what_a_user_sets_for_keras_elsewhere_does_not_reach_the_child():
    given = {"KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1", "KERAS_HOME": "/home/me/.keras"}
    assert environment(given) == SETTINGS


def test_what_the_child_prints_ends_in_the_workers_log(supervisor, tmp_path):
    start(supervisor, tmp_path, python="/bin/false")
    expect(supervisor, Kind.REFUSED)
    start(supervisor, tmp_path)
    expect(supervisor, Kind.READY)
    descriptor = os.readlink(f"/proc/{child_of(supervisor)}/fd/2")
    assert descriptor == str(tmp_path / "rank_0004.log")


def test_bytes_that_are_no_task_cost_nothing(supervisor, tmp_path):
    start(supervisor, tmp_path)
    expect(supervisor, Kind.READY)
    supervisor.give(b"task 2 {}")
    with pytest.raises(WireError):
        outcome_from_bytes(expect(supervisor, Kind.OUTCOME).payload)
    supervisor.give(task_to_bytes(evaluations.task(1)))
    assert outcome_from_bytes(expect(supervisor, Kind.OUTCOME).payload).status == "ok"


def test_the_time_in_which_all_was_suspended_is_not_the_tasks(supervisor, tmp_path, monkeypatch):
    start(supervisor, tmp_path, dry_run_seconds=2.0, task_minutes=0.5)
    expect(supervisor, Kind.READY)
    supervisor.give(task_to_bytes(evaluations.task(1)))
    supervisor.step(0.0)
    monkeypatch.setattr(supervisor._clock, "_clock", lambda: time.monotonic() + 3600)
    assert outcome_from_bytes(expect(supervisor, Kind.OUTCOME).payload).status == "ok"
