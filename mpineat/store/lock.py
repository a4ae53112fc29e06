"""One writer for a run directory: a lock file that names its owner, on any file system.

The file is made with O_EXCL, which parallel file systems honour that lack flock. Whether its owner
still lives is asked of the kernel on the same host; of another host only the file's time tells,
which its owner renews.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mpineat.cluster import batch
from mpineat.errors import InputError, StorageError
from mpineat.store import directory

BEAT_SECONDS = 10.0
STALE_SECONDS = 60.0  # of another host's lock; NFS clients may see the time up to 30 s late
POLL_SECONDS = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that a lock file names.

    Attributes:
        machine: Boot of the kernel and namespace of the process ids: where `pid` means something.
        process_start: Clock ticks from boot to the start of the process; tells apart two that had
            one id.
        job: The batch system's job id; "" without one.
        token: Of this one locking.
    """

    host: str
    machine: str
    pid: int
    process_start: int | None
    job: str
    since: str
    token: str

    def __str__(self) -> str:
        job = f", job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}, since {self.since}"


def owner(run_dir: Path) -> Owner | None:
    """Return who writes to a run directory, as far as this host can tell; None for nobody."""
    try:
        found = _look(run_dir / directory.LOCK)
    except OSError:
        return None
    return None if found is None or found.is_dead(time.time()) else found.owner


@dataclass(frozen=True, slots=True)
class _Found:
    """A lock file: its owner, None where it cannot be read, and its time in nanoseconds."""

    owner: Owner | None
    modified: int

    def is_dead(self, now: float) -> bool:
        """Return whether the owner has ended; `now` is the file system's time."""
        known = None if self.owner is None else _is_alive(self.owner)
        return now - self.modified / 1e9 > STALE_SECONDS if known is None else not known


def _look(path: Path) -> _Found | None:
    try:
        with open(path, "rb") as file:  # opening makes NFS ask the server for the file's time
            modified = os.fstat(file.fileno()).st_mtime_ns
            data = file.read(65536)
    except FileNotFoundError:
        return None
    try:
        return _Found(Owner(**json.loads(data)), modified)
    except (ValueError, TypeError, RecursionError):
        return _Found(None, modified)


def _is_alive(other: Owner) -> bool | None:
    """Return whether the process lives; None where this host cannot know."""
    here = _myself()
    if other.host != here.host:
        return None
    if other.machine != here.machine:
        # Another boot is over; another container of this boot may run on, unseen from here.
        same_boot = other.machine.partition(" ")[0] == here.machine.partition(" ")[0]
        return None if same_boot else False
    return _process_start(other.pid) == other.process_start


def _process_start(pid: int) -> int | None:
    """Return when a process started, in ticks after boot; None when there is none or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def _myself() -> Owner:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        machine = f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        machine = ""
    return Owner(
        host=socket.gethostname(),
        machine=machine,
        pid=os.getpid(),
        process_start=_process_start(os.getpid()),
        job=batch.job_id(),
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
        token=uuid.uuid4().hex,
    )


class RunLock:
    """Held while its process writes to a run directory.

    Raises:
        InputError: Another process holds it; the message names it.
        StorageError: The disk is full or read-only.
    """

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / directory.LOCK
        self._owner = _myself()
        self.is_lost = False
        self._released = threading.Event()
        with directory.storage_errors(self._path):
            while not self._create():
                self._await_death()
        self._beat = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._beat.start()

    def _create(self) -> bool:
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return False
        try:
            os.write(handle, json.dumps(asdict(self._owner)).encode() + b"\n")
            os.fsync(handle)
        except BaseException:
            self._path.unlink()
            raise
        finally:
            os.close(handle)
        return True

    def _await_death(self) -> None:
        """Remove the lock once its owner is certainly dead.

        A lock of another host is watched: a living owner renews it, and the message comes within
        seconds; where a batch system killed the job and started it again elsewhere, the lock
        only needs to grow old.
        """
        first = found = _look(self._path)
        said = False
        while found is not None and first is not None and not found.is_dead(self._now()):
            alive = found.owner is not None and _is_alive(found.owner)
            if alive or found != first:
                raise InputError(
                    f"{self._path.parent}: in use by {found.owner or 'an unnamed process'}; "
                    "wait for it, end it, or name another directory"
                )
            if not said:
                log.info("%s: %s may be dead; watching", self._path, found.owner or "its owner")
                said = True
            time.sleep(POLL_SECONDS)
            found = _look(self._path)
        if found is not None:
            self._remove(found)

    def _now(self) -> float:
        """Return the time by the clock of the file system, which may be another machine's."""
        probe = self._path.with_name(f".{self._path.name}.{self._owner.token}.tmp")
        with open(probe, "wb") as file:
            file.write(b"now")
            file.flush()
            now = os.fstat(file.fileno()).st_mtime
        probe.unlink(missing_ok=True)
        return now

    def _remove(self, dead: _Found) -> None:
        """Remove the lock unless it is another's by now; one rival at a time."""
        turn = self._path.with_name(f"{self._path.name}.turn")
        try:
            turn.mkdir()
        except FileExistsError:
            with suppress(FileNotFoundError):  # left by a rival that was killed in the lines below
                if self._now() - turn.stat().st_mtime > STALE_SECONDS:
                    turn.rmdir()
            time.sleep(0.01)
            return
        try:
            if _look(self._path) == dead:
                self._path.unlink()
                name = dead.owner or "its owner"
                log.warning("%s: taken over from %s, which is gone", self._path, name)
        finally:
            turn.rmdir()

    def _renew(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            try:
                found = _look(self._path)
                if found is None or found.owner != self._owner:
                    self.is_lost = True
                    return
                os.utime(self._path)
            except OSError as error:
                log.warning("%s: cannot be renewed: %s", self._path, error.strerror)

    def check(self) -> None:
        """Raise StorageError when another process has taken over, after this one was stopped."""
        if self.is_lost:
            raise StorageError(f"{self._path}: taken over by another process: nothing is written")

    def release(self) -> None:
        """Give the run directory free."""
        self._released.set()
        self._beat.join()
        with suppress(OSError):
            found = _look(self._path)
            if found is not None and found.owner == self._owner:
                self._path.unlink()

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
