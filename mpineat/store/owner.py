"""Owner: the process that a lock file names, and whether it still lives."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from mpineat import files
from mpineat.cluster import batch
from mpineat.errors import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The process that a lock file names.

    Attributes:
        machine: Boot of the kernel and namespace of the process ids: where `pid` means something.
        process_start: Clock ticks from boot to the start of the process; tells apart two that had
            one id.
        job: The batch system's job id; "" without one.
        token: Of this one locking.
        directory: What it locks, as its host calls it; "" from an earlier version.
    """

    host: str
    machine: str
    pid: int
    process_start: int | None
    job: str
    since: str
    token: str
    directory: str = ""

    def __str__(self) -> str:
        job = f", job {self.job}" if self.job else ""
        return shown(f"process {self.pid} on {self.host}{job}, since {self.since}")


@dataclass(frozen=True, slots=True)
class Found:
    """A lock file: its owner, None where it cannot be read, and its time in nanoseconds."""

    owner: Owner | None
    modified: int


def look(path: Path) -> Found | None:
    """Return what a lock file says; None where there is none.

    Raises:
        OSError: It cannot be opened.
    """
    try:
        # Opening makes NFS ask the server for the file's time.
        with open(path, "rb", opener=files.unlinked) as file:
            modified = os.fstat(file.fileno()).st_mtime_ns
            data = file.read(65536)
    except FileNotFoundError:
        return None
    try:
        owner = Owner(**json.loads(data))
    except (ValueError, TypeError, RecursionError):
        return Found(None, modified)
    numbers = (owner.pid, 0 if owner.process_start is None else owner.process_start)
    texts = (owner.host, owner.machine, owner.job, owner.since, owner.token, owner.directory)
    sane = all(type(n) is int for n in numbers) and all(isinstance(text, str) for text in texts)
    return Found(owner if sane else None, modified)


def myself(run_dir: Path) -> Owner:
    """Return this process as the owner of a run directory."""
    return Owner(
        host=socket.gethostname(),
        machine=_machine(),
        pid=os.getpid(),
        process_start=_process_start(os.getpid()),
        job=batch.job_id(),
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
        token=uuid.uuid4().hex,
        directory=os.path.realpath(run_dir),
    )


def is_alive(owner: Owner) -> bool | None:
    """Return whether the process lives; None where this host cannot know."""
    if owner.host != socket.gethostname():
        return None
    machine = _machine()
    if owner.machine != machine:
        # Another boot is over; another container of this boot may run on, unseen from here.
        same_boot = owner.machine.partition(" ")[0] == machine.partition(" ")[0]
        return None if same_boot else False
    return _process_start(owner.pid) == owner.process_start


def holds_another(owner: Owner, path: Path) -> bool:
    """Return whether the lock file `path` is a copy: its owner's own lies in another directory.

    Only then is the owner certain to write elsewhere: the numbers of files and devices alone differ
    between hosts and, on some file systems, from one look to the next.
    """
    theirs = Path(owner.directory) / path.name
    try:
        found = look(theirs) if owner.directory else None
        same_file = os.stat(theirs.parent).st_ino == os.stat(path.parent).st_ino
    except OSError:
        return False
    return found is not None and found.owner == owner and not same_file


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _process_start(pid: int) -> int | None:
    """Return when a process started, in ticks after boot; None when there is none or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])
