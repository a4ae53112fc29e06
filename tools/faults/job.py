"""One launch of mpirun in the eyes of the chaos: its processes, what they are, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LOST_SECONDS = 4.0
OPTIONS = (
    "dataset.name=file",
    "farm.evaluator=dry_run",
    "farm.dry_run_seconds=0.12",
    "farm.beat_seconds=0.5",
    f"farm.lost_seconds={LOST_SECONDS:g}",
    "farm.attempts=1000",  # chaos fells one candidate more often than any real machine would
    "evolution.generations=4",
    "evolution.candidates=10",
)
JOB_SECONDS = 120.0  # a job that runs longer hangs
GONE_SECONDS = 20.0  # how long after a job's end its last process may live


class Broken(Exception):
    """A promise that did not hold."""


class Process:
    """A descendant of a job: its id and what tells it from a later process with that id."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.state, self.parent, self.started = stat[0], int(stat[1]), stat[19]
        self.command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")

    @property
    def kind(self) -> str:
        """What it is: "child", "rank" or "launcher" (mpirun and its proxies)."""
        program = os.path.basename(self.command.partition("\0")[0])
        if not program.startswith("python"):
            return "launcher"
        return "child" if "from mpineat.child.main import main" in self.command else "rank"

    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        with suppress(OSError, IndexError):
            now = Process(self.pid)
            return now.started == self.started and now.state not in "ZX"
        return False

    def signal(self, number: int) -> bool:
        """Send a signal, unless the process has gone; return whether it was sent."""
        if not self.alive():
            return False
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
            return True
        return False


class Job:
    """One launch of mpirun and everything that descends from it."""

    def __init__(
        self,
        mpirun: str,
        python: str,
        run_dir: Path,
        output: Path,
        *more: str,
        **variables: str,
    ) -> None:
        self.run_dir = run_dir
        command = [*mpirun.split(), "-np", "3", python, "-m", "mpineat", "run"]
        words = ["mpineat/embedded/digits.yaml", str(run_dir), *OPTIONS, "--resume", *more]
        with open(output, "ab") as log:
            self.process = subprocess.Popen(
                [*command, *words],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **variables},
            )
        self.began = time.monotonic()
        self.known: dict[int, Process] = {}

    def look(self, kind: str | None = None) -> list[Process]:
        """Return the living descendants, of one kind if asked; remembers all it ever saw."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, IndexError):
                if int(entry.name) not in self.known:
                    found = Process(int(entry.name))
                    if found.pid == self.process.pid or found.parent in self.known:
                        self.known[found.pid] = found
                elif self.known[int(entry.name)].kind == "launcher":
                    # It may have called exec.
                    self.known[int(entry.name)] = Process(int(entry.name))
        return [p for p in self.known.values() if p.alive() and kind in (None, p.kind)]

    def wait(self, seconds: float) -> int | None:
        """Return the exit code; None when the job still runs after `seconds`."""
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.look()
            time.sleep(0.02)
        if self.process.returncode is None and time.monotonic() - self.began > JOB_SECONDS:
            raise Broken(f"the job hangs: {[(p.kind, p.pid) for p in self.look()]}")
        return self.process.returncode

    def gone(self) -> None:
        """Wait until no process of the job is left."""
        end = time.monotonic() + GONE_SECONDS
        while left := self.look():
            if time.monotonic() > end:
                self.end()
                raise Broken(f"outlived the job: {[(p.kind, p.pid) for p in left]}")
            time.sleep(0.02)

    def suspend(self, seconds: float, shuffle: Callable[[list[Process]], None]) -> bool:
        """Stop every process as a batch system does, in any order, and continue them later."""
        stopped: list[Process] = []
        while more := [p for p in self.look() if p.pid not in {s.pid for s in stopped}]:
            shuffle(more)
            stopped += [process for process in more if process.signal(signal.SIGSTOP)]
        time.sleep(seconds)
        self.began += seconds
        shuffle(stopped)
        for process in stopped:
            process.signal(signal.SIGCONT)
        return bool(stopped)

    def end(self) -> None:
        """Kill what is left."""
        for process in self.look():
            process.signal(signal.SIGKILL)
        self.process.wait()
