"""What hits the processes of a job: each strike tells whether there was something to hit."""

from __future__ import annotations

import random
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from faults.garbage import garbage, write_to_its_rank
from faults.job import LOST_SECONDS, Job

from mpineat.store import directory

SUSPENDED_SECONDS = 1.5 * LOST_SECONDS


def hit(rng: random.Random, job: Job, *, kind: str, number: int) -> bool:
    """Send a signal to one of the processes of a kind."""
    processes = job.look(kind)
    if kind == "launcher":
        processes = [process for process in processes if process.pid == job.process.pid]
    return bool(processes) and rng.choice(processes).signal(number)


def kill_all(rng: random.Random, job: Job) -> bool:
    """Kill every process, in any order."""
    processes = job.look()
    if not any(process.kind == "rank" for process in processes):
        return False
    rng.shuffle(processes)
    for process in processes:
        process.signal(signal.SIGKILL)
    return True


def end(rng: random.Random, job: Job) -> bool:
    """Kill everything and wait until it is gone."""
    if not kill_all(rng, job):
        return False
    job.process.wait()
    job.gone()
    return True


def terminate(rng: random.Random, job: Job) -> bool:
    """Ask the launcher to end, as a batch system does."""
    if not job.look("rank"):
        return False
    job.process.send_signal(signal.SIGTERM)
    return True


def starve(rng: random.Random, job: Job) -> bool:
    """Leave a child no memory, as a network too big for the host does."""
    children = job.look("child")
    if children and directory.generation_paths(job.run_dir):  # else the job cannot even begin
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(rng.choice(children).pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
            return True
    return False


def garble(rng: random.Random, job: Job) -> bool:
    """Write to a child's pipe what only another process would."""
    if not (children := job.look("child")):
        return False
    child = rng.choice(children)
    return write_to_its_rank(child.pid, child.command, garbage(rng))


def suspend(rng: random.Random, job: Job) -> bool:
    """Suspend the whole job for longer than a rank may be silent."""
    return bool(job.look("rank")) and job.suspend(SUSPENDED_SECONDS, rng.shuffle)


KINDS: dict[str, Callable[[random.Random, Job], bool]] = {
    "kill_child": partial(hit, kind="child", number=signal.SIGKILL),
    "crash_child": partial(hit, kind="child", number=signal.SIGSEGV),
    "stop_child": partial(hit, kind="child", number=signal.SIGSTOP),
    "kill_rank": partial(hit, kind="rank", number=signal.SIGKILL),
    "kill_launcher": partial(hit, kind="launcher", number=signal.SIGKILL),
    "terminate_rank": partial(hit, kind="rank", number=signal.SIGTERM),
    "kill_all": kill_all,
    "terminate": terminate,
    "starve_child": starve,
    "garble_pipe": garble,
    "suspend": suspend,
}
