"""One writer a run directory: refused while the owner lives, taken over when it is dead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mpineat.cluster.stop import Stop
from mpineat.errors import InputError, Stopped, StorageError
from mpineat.store import directory, lock
from mpineat.store.lock import RunLock
from mpineat.store.owner import Owner

HOLDER = """
import sys, time
from pathlib import Path
from mpineat.store.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


HOSTILE = json.dumps(
    {name: [1] for name in ("host", "machine", "pid", "process_start", "job", "since", "token")}
).encode()


def path_of(run_dir: Path) -> Path:
    """Return the lock file's path."""
    return run_dir / directory.LOCK


def leave(run_dir: Path, *, age: float = 0.0, **changes: object) -> Owner:
    """Leave a lock file behind as if another process had made it `age` seconds ago."""
    with RunLock(run_dir):
        owner = lock.owner(run_dir)
    assert owner is not None
    other = replace(owner, token="another", **changes)
    path_of(run_dir).write_text(json.dumps(asdict(other)))
    then = time.time() - age
    os.utime(path_of(run_dir), (then, then))
    return other


def test_held_by_a_living_process_it_is_refused_by_name(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.utime(path_of(tmp_path), (0, 0))  # stopped for long, but alive
        with pytest.raises(InputError, match=rf"in use by process {holder.pid} on .*, since 2"):
            RunLock(tmp_path)
        holder.kill()
        holder.wait()
        assert lock.owner(tmp_path) is None
        with RunLock(tmp_path):
            owner = lock.owner(tmp_path)
            assert owner is not None
            assert owner.pid == os.getpid()
    assert not path_of(tmp_path).exists()


def test_a_process_id_used_again_is_not_the_owner(tmp_path: Path) -> None:
    leave(tmp_path, process_start=1)
    with RunLock(tmp_path):
        pass


def test_a_boot_that_is_over_took_its_processes_along(tmp_path: Path) -> None:
    leave(tmp_path, machine="an-earlier-boot pid:[1]")
    with RunLock(tmp_path):
        pass


def test_another_host_that_renews_its_lock_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path, host="node77", job="1234")

    def renew(seconds: float) -> None:
        os.utime(path_of(tmp_path))

    monkeypatch.setattr(time, "sleep", renew)
    with pytest.raises(InputError, match=r"in use by process \d+ on node77, job 1234, since"):
        RunLock(tmp_path)


def test_a_wait_is_said_at_once_and_ended_by_the_first_signal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    leave(tmp_path, host="node77", age=-86400)  # dated tomorrow
    stop = Stop()
    monkey = threading.Timer(0.5, stop.request, ["SIGTERM"])
    monkey.start()
    with pytest.raises(Stopped, match=r"waiting for process \d+ on node77, since .*: SIGTERM"):
        RunLock(tmp_path, stop=stop)
    assert "locked by process" in caplog.text
    assert "--steal-lock" in caplog.text


def test_a_lock_dated_tomorrow_is_watched_as_long_as_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "STALE_SECONDS", 0.5)
    leave(tmp_path, host="node77", age=-86400)
    with RunLock(tmp_path):
        pass


def test_a_stolen_lock_is_taken_from_whoever_has_it(tmp_path: Path) -> None:
    held = RunLock(tmp_path)
    with RunLock(tmp_path, steal=True), pytest.raises(InputError, match="in use by"):
        RunLock(tmp_path)
    held.release()


def test_a_copy_of_a_running_run_is_free_and_a_moved_run_is_not(tmp_path: Path) -> None:
    run_dir, other = tmp_path / "run", tmp_path / "other"
    run_dir.mkdir()
    with RunLock(run_dir):
        shutil.copytree(run_dir, other)
        assert lock.owner(other) is None
        with RunLock(other):
            assert lock.owner(run_dir) is not None
        alias = tmp_path / "alias"
        alias.symlink_to(run_dir)
        assert lock.owner(alias) is not None
        moved = run_dir.rename(tmp_path / "moved")
        with pytest.raises(InputError, match="in use by"):
            RunLock(moved)
        moved.rename(run_dir)


def test_a_lock_of_an_earlier_version_is_understood(tmp_path: Path) -> None:
    leave(tmp_path)
    written = json.loads(path_of(tmp_path).read_text())
    del written["directory"]
    path_of(tmp_path).write_text(json.dumps(written))
    with pytest.raises(InputError, match=f"in use by process {os.getpid()}"):
        RunLock(tmp_path)


def test_another_host_that_fell_silent_is_taken_over(tmp_path: Path) -> None:
    leave(tmp_path, host="node77", age=lock.STALE_SECONDS - 2)
    with RunLock(tmp_path):  # after watching it for two seconds
        owner = lock.owner(tmp_path)
        assert owner is not None
        assert owner.host != "node77"


def test_a_container_of_the_same_boot_is_asked_by_its_renewal(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        here = lock.owner(tmp_path)
    assert here is not None
    boot = here.machine.partition(" ")[0]
    leave(tmp_path, machine=f"{boot} pid:[7]", process_start=1)
    assert lock.owner(tmp_path) is not None
    os.utime(path_of(tmp_path), (0, 0))
    assert lock.owner(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[1]", b'{"host": "torn', HOSTILE])
def test_an_unreadable_lock_only_has_to_grow_old(tmp_path: Path, content: bytes) -> None:
    path_of(tmp_path).write_bytes(content)
    then = time.time() - lock.STALE_SECONDS - 1
    os.utime(path_of(tmp_path), (then, then))
    with RunLock(tmp_path):
        pass


def test_of_many_that_take_over_at_once_one_succeeds(tmp_path: Path) -> None:
    for _ in range(20):
        leave(tmp_path, process_start=1)
        barrier = threading.Barrier(8)
        taken: list[RunLock] = []
        refused: list[int] = []

        def contend(
            barrier: threading.Barrier = barrier,
            taken: list[RunLock] = taken,
            refused: list[int] = refused,
        ) -> None:
            barrier.wait()
            try:
                taken.append(RunLock(tmp_path))
            except InputError:
                refused.append(threading.get_ident())

        threads = [threading.Thread(target=contend) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(taken), len(refused)) == (1, 7)
        taken[0].release()


def test_a_rival_killed_while_it_took_over_is_stepped_over(tmp_path: Path) -> None:
    leave(tmp_path, process_start=1)
    turn = path_of(tmp_path).with_name("run.lock.turn")
    turn.mkdir()
    os.utime(turn, (0, 0))
    with RunLock(tmp_path):
        assert not turn.exists()


def test_who_lost_the_lock_writes_no_more_and_leaves_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    held = RunLock(tmp_path)
    held.check()
    path_of(tmp_path).write_text("another's")
    deadline = time.monotonic() + 60
    while not held.is_lost and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(StorageError, match="taken over by another process"):
        held.check()
    held.release()
    assert path_of(tmp_path).read_text() == "another's"


def test_the_lock_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.01)
    with RunLock(tmp_path):
        os.utime(path_of(tmp_path), (0, 0))
        deadline = time.monotonic() + 60
        while path_of(tmp_path).stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path_of(tmp_path).stat().st_mtime > 0


def test_a_directory_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"run\.lock: cannot be written: No such file"):
        RunLock(tmp_path / "missing")


def test_the_batch_system_names_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    with RunLock(tmp_path):
        assert ", job 8, since" in str(lock.owner(tmp_path))
