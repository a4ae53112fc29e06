"""When the run must stop in time: signals, run.wall_minutes, or the batch system's own limit."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from types import FrameType

log = logging.getLogger(__name__)

# LSF warns with USR2 (or what -wa names) and ends with INT, TERM, KILL; Slurm with TERM or
# --signal; a CPU limit starts with XCPU; a closed terminal sends HUP.
SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
    signal.SIGHUP,
)
# One kill of a job reaches a rank twice: from the launcher and from the batch system or the
# terminal.
ECHO_SECONDS = 1.0
MARGIN_SECONDS = 10.0  # for closing files and leaving MPI before the limit


class Stop:
    """Whether, and why, the run must stop; install() makes signals set it."""

    def __init__(
        self,
        seconds: float | None = None,
        limit: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stop after `seconds` (None: no limit); `limit` names the limit in the log."""
        self._clock = clock
        self._deadline = None if seconds is None else clock() + seconds
        self._limit = limit
        self._reason: str | None = None
        self._first = 0.0
        self._at_once = False
        self.on_second: Callable[[], None] = lambda: None
        """Called from the handler of a second signal: ends the process at once."""

    def install(self) -> None:
        """Catch the signals that ask a job to end."""
        for number in SIGNALS:
            # nohup and `trap '' HUP` mean what they say.
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            signal.signal(number, self._caught)

    def limit(self, seconds: float | None, name: str) -> None:
        """Set the time limit, once the configuration that holds it is read."""
        self._deadline = None if seconds is None else self._clock() + seconds
        self._limit = name

    def reason(self) -> str | None:
        """Return why to stop, as a phrase for the log; None: go on."""
        left = self.seconds_left()
        if self._reason is None and left is not None and left <= 0:
            self._reason = self._limit
        return self._reason

    def at_once(self) -> bool:
        """Tell whether a second signal asked to end at once."""
        return self._at_once

    def seconds_left(self) -> float | None:
        """Return the seconds until the time limit; None: no limit."""
        return None if self._deadline is None else self._deadline - self._clock()

    def request(self, reason: str, again: bool = False) -> None:
        """Ask to stop, for a signal that another rank caught; `again`: its second."""
        if self._reason is None:
            self._reason, self._first = reason, self._clock()
        elif again:
            self._end()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._reason is None:
            self._reason, self._first = name, self._clock()
        # XCPU comes every second once the soft limit is passed.
        elif number != signal.SIGXCPU and self._clock() - self._first > ECHO_SECONDS:
            self._end()

    def _end(self) -> None:
        self._at_once = True
        self.on_second()


def time_limit(
    wall_minutes: float | None, grace_seconds: float, environ: Mapping[str, str] = os.environ
) -> tuple[float | None, str]:
    """Return the seconds after which to stop, and the limit's name; the grace fits in before it.

    Args:
        wall_minutes: `run.wall_minutes`; None asks the batch system that runs this job, if any.
    """
    if wall_minutes is not None:
        return max(0.0, wall_minutes * 60 - grace_seconds), f"run.wall_minutes = {wall_minutes:g}"
    left, name = batch_seconds_left(environ)
    if left is None:
        return None, ""
    return max(0.0, left - grace_seconds - MARGIN_SECONDS), name


def batch_seconds_left(environ: Mapping[str, str]) -> tuple[float | None, str]:
    """Return the seconds that the batch system leaves this job (None: no limit), and its name."""
    if end := environ.get("SLURM_JOB_END_TIME"):
        return _number(end, minus=time.time()), "Slurm's time limit"
    if job := environ.get("SLURM_JOB_ID"):
        if array := environ.get("SLURM_ARRAY_JOB_ID"):
            # The last task's own number is the array's, and would ask after all tasks.
            job = f"{array}_{environ.get('SLURM_ARRAY_TASK_ID')}"
        return parse_left(_output("squeue", "-h", "-j", job, "-o", "%L")), "Slurm's time limit"
    if job := environ.get("LSB_JOBID"):
        index = environ.get("LSB_JOBINDEX", "0")
        name = job if index == "0" else f"{job}[{index}]"
        text = _output("bjobs", "-noheader", "-o", "time_left", name)
        return parse_left(text, minutes=True), "LSF's run limit"
    if wall := environ.get("PBS_WALLTIME"):  # of the whole job; Torque sets it
        return _number(wall), "the batch system's wall time"
    return None, ""


def parse_left(text: str, minutes: bool = False) -> float | None:
    """Read [days-][[hours:]minutes:]seconds (Slurm), or hours:minutes with a letter behind (LSF).

    >>> parse_left("1-02:03:04"), parse_left("10:30"), parse_left("0:15 L", minutes=True)
    (93784.0, 630.0, 900.0)
    """
    found = re.match(r"\s*(?:(\d+)-)?(\d+(?::\d+)*)", text)
    if found is None:
        return None  # "UNLIMITED", "-", an error message
    parts = [int(part) for part in found[2].split(":")]
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + part
    return int(found[1] or 0) * 86400.0 + (seconds * 60 if minutes else seconds)


def _number(text: str, minus: float = 0.0) -> float | None:
    try:
        return float(text) - minus
    except ValueError:
        return None


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("cannot ask the batch system for its limit: %s", error)
        return ""
