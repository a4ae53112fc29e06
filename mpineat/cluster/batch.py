"""What runs this job, if a batch system does: its id, the time left, what its variables mean."""

from __future__ import annotations

import logging
import math
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mpineat import registry

log = logging.getLogger(__name__)

Environment = Mapping[str, str]
KIND = "batch_system"
MARGIN_SECONDS = 10.0  # for closing files and leaving MPI before the limit
LONGEST_SECONDS = 10 * 366 * 86400.0  # no batch system grants more: a longer limit is a mistake
ANSWER_SECONDS = 20.0
# Of any node, with or without a batch system: they change devices, threads or arithmetic.
RECORDED_EVERYWHERE = (
    "CUDA_DEVICE_ORDER",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_XLA_FLAGS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a job file asks for.

    Attributes:
        queue: Queue or partition; "": the site's default.
        beside: Processes beside the workers: rank 0 of a search, none of an export.
    """

    name: str
    queue: str = ""
    nodes: int = 1
    gpus_per_node: int = 2
    cores_per_node: int = 18
    minutes: int = 180
    beside: int = 1

    @property
    def workers_per_node(self) -> int:
        """One for each GPU, or one for all cores."""
        return max(1, self.gpus_per_node)

    @property
    def ranks(self) -> int:
        """All workers, and rank 0 beside those of the first node."""
        return self.nodes * self.workers_per_node + self.beside

    @property
    def cores_per_rank(self) -> int:
        """What a node's cores come to where rank 0 is."""
        return max(1, self.cores_per_node // (self.workers_per_node + self.beside))

    @property
    def hours_minutes(self) -> str:
        """Time limit as hours:minutes."""
        return f"{self.minutes // 60}:{self.minutes % 60:02}"


def _cannot_tell(environment: Environment) -> float | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSystem:
    """All that mpineat knows of one batch system.

    Attributes:
        name: As people call it.
        job: The variable with the job's id: set in every job of this system, and in no other's.
        submit: The command that submits a job file, but for the file's name.
        header: Returns the directives of a job file, and what must come first in it. They ask for
            SIGUSR2 minutes before the time limit, where the system can send it; for what the job
            prints to be appended to; for another start when a node fails.
        requeue: Shell command that puts the job back into the queue after exit code 75; "" where
            the header has seen to that.
        limit: The variable that tells the time limit, if one does; a container may have it alone.
        seconds_left: Returns what is left until the time limit; None: no limit, or none known.
        hidden: Beginnings of the variables by which an MPI library takes a child for a rank.
        recorded: Variables for provenance.json, by their whole names: secrets have the same
            beginnings (SLURM_JWT, PBS_JOBCOOKIE).
    """

    name: str
    job: str
    submit: str
    header: Callable[[Job], str]
    requeue: str = ""
    limit: str = ""
    seconds_left: Callable[[Environment], float | None] = _cannot_tell
    hidden: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()

    def runs(self, environment: Environment) -> bool:
        """Tell whether a process with this environment belongs to a job of this system."""
        return bool(environment.get(self.job) or environment.get(self.limit))


def running(environment: Environment = os.environ) -> BatchSystem | None:
    """Return the batch system that runs this process; None without one."""
    found = (system for system in _systems(environment) if system.runs(environment))
    return next(found, None)


def _systems(environment: Environment) -> tuple[BatchSystem, ...]:
    """Return the built-in systems and, unless one of them runs this process, the installed ones."""
    found = [registry.load(KIND, name) for name in registry.BUILT_IN[KIND]]
    if not any(system.runs(environment) for system in found):
        found += [registry.load(KIND, name) for name in registry.names(KIND)[len(found) :]]
    return tuple(found)


def job_id(environment: Environment = os.environ) -> str:
    """Return the id that the batch system gave this job; "" without one."""
    system = running(environment)
    return "" if system is None else environment.get(system.job, "")


def hidden(environment: Environment) -> tuple[str, ...]:
    """Return the beginnings of the variables that a child process must not see."""
    return tuple(prefix for system in _systems(environment) for prefix in system.hidden)


def recorded(environment: Environment = os.environ) -> dict[str, str]:
    """Return the variables that tell how this process was given its place, and no others."""
    names = {name for system in _systems(environment) for name in system.recorded}
    return {
        name: environment[name]
        for name in sorted(names.union(RECORDED_EVERYWHERE))
        if name in environment
    }


def time_limit(
    wall_minutes: float | None, grace_seconds: float, environment: Environment = os.environ
) -> tuple[float | None, str]:
    """Return the seconds after which to stop, and the limit's name; the grace fits in before it.

    Args:
        wall_minutes: `run.wall_minutes`; None asks the batch system that runs this job, if any.
    """
    if wall_minutes is not None:
        return max(0.0, wall_minutes * 60 - grace_seconds), f"run.wall_minutes = {wall_minutes:g}"
    system = running(environment)
    left = None if system is None else system.seconds_left(environment)
    if system is None or left is None:
        return None, ""
    return max(0.0, left - grace_seconds - MARGIN_SECONDS), f"{system.name}'s time limit"


def seconds_in(environment: Environment, name: str, *, ends: bool = False) -> float | None:
    """Return the seconds left by a variable; None, with a warning, where it makes no sense.

    Variables outlive their job in a shell or a container that it started; a limit of the past must
    not stop every launch at once.

    Args:
        ends: Whether the variable is the time of the end, in seconds since 1970.
    """
    text = environment.get(name)
    if not text:
        return None
    now = time.time() if ends else 0.0
    try:
        left = float(text) - now
    except ValueError:
        left = math.nan
    if 0 < left <= LONGEST_SECONDS:
        return left
    expected = f"a time after now, {now:.0f} seconds since 1970" if ends else "seconds above 0"
    log.warning("%s = %r: expected %s; this time limit is ignored", name, text[:60], expected)
    return None


def seconds_of(text: str, *, minutes: bool = False) -> float | None:
    """Read [days-][[hours:]minutes:]seconds (Slurm), or hours:minutes with a letter behind (LSF).

    >>> seconds_of("1-02:03:04"), seconds_of("10:30"), seconds_of("0:15 L", minutes=True)
    (93784.0, 630.0, 900.0)
    """
    found = re.match(r"\s*(?:(\d{1,9})-)?(\d{1,9}(?::\d{1,9})*)(?!\d)", text)
    if found is None:
        return None  # "UNLIMITED", "-", an error message
    seconds = 0.0
    for part in found[2].split(":"):
        seconds = seconds * 60 + int(part)
    return int(found[1] or 0) * 86400.0 + (seconds * 60 if minutes else seconds)


def answer(*command: str) -> str:
    """Return what a command of the batch system says; "", with a warning, when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        log.warning("cannot ask the batch system for its limit: %s", error)
        return ""
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        log.warning("cannot ask the batch system for its limit: %s: %r", command[0], said)
        return ""
    return done.stdout
