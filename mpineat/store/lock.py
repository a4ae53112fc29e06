"""One writer for a run directory: a lock file that names its owner, on any file system.

The file is made with O_EXCL, which parallel file systems honour that lack flock. Whether its owner
still lives is asked of the kernel on the same host; of another host only the file's time tells,
which its owner renews.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from mpineat import files
from mpineat.cluster.stop import Stop
from mpineat.errors import InputError, Stopped, StorageError
from mpineat.store import directory
from mpineat.store.owner import Found, Owner, holds_another, is_alive, look, myself

BEAT_SECONDS = 10.0
STALE_SECONDS = 60.0  # of another host's lock; NFS clients may see the time up to 30 s late
POLL_SECONDS = 0.2

log = logging.getLogger(__name__)


def owner(run_dir: Path) -> Owner | None:
    """Return who writes to a run directory, as far as this host can tell; None for nobody."""
    path = run_dir / directory.LOCK
    try:
        found = look(path)
    except OSError:
        return None
    return None if found is None or _is_over(found, path, time.time()) else found.owner


def _is_over(found: Found, path: Path, now: float) -> bool:
    """Return whether nobody writes here under this lock; `now` is the file system's time."""
    alive = None if found.owner is None else is_alive(found.owner)
    if alive is not False and found.owner is not None and holds_another(found.owner, path):
        return True
    return now - found.modified / 1e9 > STALE_SECONDS if alive is None else not alive


class RunLock:
    """Held while its process writes to a run directory.

    Raises:
        InputError: Another process holds it; the message names it.
        Stopped: Asked to stop while it was watched whether another process lives.
        StorageError: The disk is full or read-only.
    """

    def __init__(self, run_dir: Path, *, stop: Stop | None = None, steal: bool = False) -> None:
        """Take the lock.

        Args:
            stop: Ends the wait for an owner that may be dead.
            steal: Take it from whoever has it: the user says that nobody does.
        """
        self._path = run_dir / directory.LOCK
        self._owner = myself(run_dir)
        self._stop = stop or Stop()
        self.is_lost = False
        self._released = threading.Event()
        with directory.storage_errors(self._path):
            if steal and (found := look(self._path)) is not None:
                self._remove(found, "as --steal-lock says")
            while not self._create():
                self._await_death()
        self._beat = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._beat.start()

    def _create(self) -> bool:
        try:
            handle = files.unlinked(str(self._path), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
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
        """Remove the lock once its owner certainly does not write here any more.

        A lock of another host is watched: a living owner renews it, and the message comes within
        seconds; where a batch system killed the job and started it again elsewhere, the lock only
        needs to grow old, or to be watched for as long: its time may lie in the future.
        """
        first = found = look(self._path)
        began, said = time.monotonic(), False
        while found is not None and first is not None:
            waited = time.monotonic() - began
            if waited > STALE_SECONDS or _is_over(found, self._path, self._now()):
                break
            name = found.owner or "an unnamed process"
            if found != first or (found.owner is not None and is_alive(found.owner)):
                raise InputError(
                    f"{self._path.parent}: in use by {name}; wait for it, end it, name another "
                    "directory, or pass --steal-lock if it is certainly gone"
                )
            if reason := self._stop.reason():
                raise Stopped(f"{self._path.parent}: stopped while waiting for {name}: {reason}")
            if not said:
                log.info(
                    "%s: locked by %s, which this host cannot ask: watching for at most %.0f "
                    "seconds whether it renews the lock; --steal-lock takes it at once",
                    self._path,
                    name,
                    STALE_SECONDS,
                )
                said = True
            time.sleep(POLL_SECONDS)
            found = look(self._path)
        if found is not None:
            self._remove(found, "which does not write here any more")

    def _now(self) -> float:
        """Return the time by the clock of the file system, which may be another machine's."""
        probe = self._path.with_name(f".{self._path.name}.{self._owner.token}.tmp")
        with open(probe, "wb", opener=files.unlinked) as file:
            file.write(b"now")
            file.flush()
            now = os.fstat(file.fileno()).st_mtime
        probe.unlink(missing_ok=True)
        return now

    def _remove(self, over: Found, why: str) -> None:
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
            if look(self._path) == over:
                self._path.unlink()
                name = over.owner or "an unnamed process"
                log.warning("%s: taken over from %s, %s", self._path, name, why)
        finally:
            turn.rmdir()

    def _renew(self) -> None:
        while not self._released.wait(BEAT_SECONDS):
            try:
                found = look(self._path)
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
            found = look(self._path)
            if found is not None and found.owner == self._owner:
                self._path.unlink()

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
