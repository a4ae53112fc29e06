"""What runs at this moment, in a small file that rank 0 renews every few seconds, for status.

It is a courtesy to readers and no part of the checkpoint: it is never synced, and a disk that
refuses it does not stop the run.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mpineat import files

NAME = "now.json"
RENEW_SECONDS = 3.0
MOST_BYTES = 64 << 20  # of a million evaluations under way


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker as others see it; state: "starting", "idle", "busy", "retired" or "lost"."""

    rank: int
    host: str
    device: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An evaluation that a worker is busy with; `since` is the Unix time when it was handed out."""

    rank: int
    candidate: int
    since: float
    host: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is expected of the tasks that wait or run, and of those to come.

    Attributes:
        seconds: Sum over the tasks, less what those that run have spent.
        usual_seconds: Of a full training.
        full: How many of the tasks are trained in full.
        sure: Whether full trainings were measured, and not their beginnings alone.
    """

    seconds: float
    usual_seconds: float
    full: int
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One moment of a run.

    Attributes:
        time: Unix time of writing.
        evaluated, queued: Candidates of this generation.
        workers: Worker ranks.
        seconds_left: Estimated; None before the first evaluation ended.
        at_least: Whether it is a lower bound: no full training has ended.
    """

    time: float
    generation: int
    evaluated: int
    queued: int
    workers: int
    running: tuple[Running, ...]
    seconds_left: float | None
    at_least: bool = False
    host: str = ""
    process: int = 0


def write(run_dir: Path, now: Now) -> None:
    """Replace the file, so that a reader finds the old one or the new one."""
    value = asdict(now) | {"host": socket.gethostname(), "process": os.getpid()}
    beside = run_dir / f".{NAME}.{os.getpid()}.tmp"
    with suppress(OSError):
        with open(beside, "w", encoding="utf-8", opener=files.unlinked) as file:
            file.write(json.dumps(value))
        os.replace(beside, run_dir / NAME)


def remove(run_dir: Path) -> None:
    """Take the file away when nothing runs any more."""
    with suppress(OSError):
        (run_dir / NAME).unlink()


def read(run_dir: Path) -> Now | None:
    """Return the last moment written, None where there is none or it cannot be read."""
    try:
        with open(run_dir / NAME, "rb", opener=files.unlinked) as file:
            value = json.loads(file.read(MOST_BYTES))
        running: Sequence[dict[str, object]] = value.pop("running")
        return Now(**value, running=tuple(Running(**one) for one in running))  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
