"""Break runs on purpose, go on with --resume, and compare the history with an undisturbed run's.

python tools/chaos.py --faults 200 [--kinds kill_child,full_disk ...] [--seed 0] [--json FILE]

Each run is a dry run of `mpineat run` (rank 0 and two workers) in a directory of its own, on a
small tmpfs where this user may mount one. Faults hit it at random moments, until it ends by itself;
only processes that descend from the mpirun that was started here are ever signalled, by their ids.

Held to be true, and checked: every run ends with the history of the undisturbed one; an outcome
that was in the journal is never evaluated again (unless the fault damaged that very file); no
process outlives its job; every exit code is one that the fault explains.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mpineat import journal, run_directory, store
from mpineat.tasks import Outcome, Seconds

OPTIONS = (
    "farm.evaluator=dry_run",
    "farm.dry_run_seconds=0.12",
    "farm.beat_seconds=0.5",
    "farm.attempts=1000",  # chaos fells one candidate more often than any real machine would
    "evolution.generations=4",
    "evolution.candidates=10",
)
DISK_MB = 16
JOB_SECONDS = 120.0  # a job that runs longer hangs
GONE_SECONDS = 20.0  # how long after a job's end its last process may live
HARMLESS = ("kill_child", "crash_child", "stop_child", "starve_child")  # the job goes on


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
        return "child" if "from mpineat.child import main" in self.command else "rank"

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

    def __init__(self, mpirun: str, python: str, run_dir: Path, output: Path) -> None:
        command = [*mpirun.split(), "-np", "3", python, "-m", "mpineat", "run"]
        words = ["mpineat/embedded/digits.yaml", str(run_dir), *OPTIONS, "--resume"]
        with open(output, "ab") as log:
            self.process = subprocess.Popen(
                [*command, *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL
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
                    self.known[int(entry.name)] = Process(
                        int(entry.name)
                    )  # it may have called exec
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

    def end(self) -> None:
        """Kill what is left."""
        for process in self.look():
            process.signal(signal.SIGKILL)
        self.process.wait()


class Chaos:
    """Runs, faults, and what must hold between them."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.rng = random.Random(arguments.seed)
        self.mpirun, self.python, self.folder = arguments.mpirun, arguments.python, folder
        self.faults: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.runs = self.launches = self.acknowledged_ever = 0
        self.acknowledged: dict[tuple[int, int], float] = {}
        self.run_dir = folder / "reference"
        self.truth = self._undisturbed()
        self.kinds: dict[str, Callable[[Job], bool]] = {
            "kill_child": lambda job: self._hit(job, "child", signal.SIGKILL),
            "crash_child": lambda job: self._hit(job, "child", signal.SIGSEGV),
            "stop_child": lambda job: self._hit(job, "child", signal.SIGSTOP),
            "starve_child": self._starve,
            "kill_rank": lambda job: self._hit(job, "rank", signal.SIGKILL),
            "kill_launcher": lambda job: self._hit(job, "launcher", signal.SIGKILL),
            "kill_all": self._kill_all,
            "terminate": self._terminate,
            "terminate_rank": lambda job: self._hit(job, "rank", signal.SIGTERM),
            "full_disk": self._fill_disk,
            "damage_checkpoint": lambda job: self._damage(job, run_directory.generation_paths),
            "damage_journal": lambda job: self._damage(job, journals),
        }

    def _undisturbed(self) -> list[Any]:
        job = self._launch()
        code = job.wait(JOB_SECONDS)
        job.gone()
        if code != 0:
            raise Broken(f"the undisturbed run ended with {code}; see {self.folder / 'output.log'}")
        return history(self.run_dir)

    def disturb(self, kinds: list[str], faults: int, seconds: float) -> None:
        """Do `faults` faults of these kinds, in turn, but no new run after so many seconds."""
        began, order = time.monotonic(), []
        while sum(self.faults.values()) < faults and time.monotonic() - began < seconds:
            self.runs += 1
            self.acknowledged = {}
            self.run_dir = self.folder / f"run_{self.runs:04d}"
            code: int | None = None
            while code != 0:
                order = order or self.rng.sample(kinds, len(kinds))
                code = self._launch_and_hit(order)
            self._check_history()
            shutil.rmtree(self.run_dir)

    def _launch_and_hit(self, order: list[str]) -> int:
        job, hits = self._launch(), []
        try:
            while (code := job.wait(self.rng.uniform(0.2, 2.0))) is None:
                kind = order.pop(0) if order else ""
                if kind and self.kinds[kind](job):
                    hits.append(kind)
                    self.faults[kind] += 1
                    print(f"{sum(self.faults.values()):4d} {kind}", flush=True)
                elif kind:
                    order.append(kind)  # there is nothing yet that it could hit
            job.gone()
        finally:
            job.end()
            (self.run_dir / "filler").unlink(missing_ok=True)
        self._remember()
        fatal = [kind for kind in hits if kind not in HARMLESS]
        self.codes[f"{fatal[-1] if fatal else 'harmless'}: {code}"] += 1
        if code == 2 or (code == 0 and not finished(self.run_dir)) or (code != 0 and not fatal):
            raise Broken(f"exit code {code} after {hits}; see {self.folder / 'output.log'}")
        return code

    def _launch(self) -> Job:
        self.launches += 1
        return Job(self.mpirun, self.python, self.run_dir, self.folder / "output.log")

    def _remember(self) -> None:
        """Note every outcome that the run has acknowledged, and miss none of the old ones."""
        now = acknowledged(self.run_dir)
        for key, started in self.acknowledged.items():
            if now.get(key) != started:
                raise Broken(f"generation {key[0]}, candidate {key[1]}: its outcome was lost")
        self.acknowledged_ever += len(now.keys() - self.acknowledged.keys())
        self.acknowledged = now

    def _check_history(self) -> None:
        found = history(self.run_dir)
        for number, (got, expected) in enumerate(zip(found, self.truth, strict=True)):
            if got != expected:
                raise Broken(f"generation {number} differs from the undisturbed run's")

    def _hit(self, job: Job, kind: str, number: int) -> bool:
        processes = job.look(kind)
        if kind == "launcher":
            processes = [p for p in processes if p.pid == job.process.pid]
        return bool(processes) and self.rng.choice(processes).signal(number)

    def _starve(self, job: Job) -> bool:
        """Leave a child no memory, as a network too big for the host does."""
        children = job.look("child")
        if not children or not (run_directory.generation_paths(self.run_dir)):
            return False
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(self.rng.choice(children).pid, resource.RLIMIT_AS, (1 << 20, 1 << 20))
            return True
        return False

    def _kill_all(self, job: Job) -> bool:
        processes = job.look()
        if not any(process.kind == "rank" for process in processes):
            return False
        self.rng.shuffle(processes)
        for process in processes:
            process.signal(signal.SIGKILL)
        return True

    def _terminate(self, job: Job) -> bool:
        if not job.look("rank"):
            return False
        job.process.send_signal(signal.SIGTERM)
        return True

    def _fill_disk(self, job: Job) -> bool:
        if not self.run_dir.exists():
            return False
        room = os.statvfs(self.folder)
        left = self.rng.choice((0, 1, 3)) * room.f_frsize
        with suppress(OSError), open(self.run_dir / "filler", "wb", buffering=0) as file:
            file.truncate(0)
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - left)
        return True

    def _damage(self, job: Job, files: Callable[[Path], Any]) -> bool:
        """Kill everything, then cut the newest file short or flip one of its bits."""
        if not any(path.stat().st_size for path in files(self.run_dir)):
            return False
        if not self._kill_all(job):
            return False
        job.process.wait()
        job.gone()
        self._remember()
        path = list(files(self.run_dir))[-1]
        data = bytearray(path.read_bytes())
        if not data:
            return False
        place = self.rng.randrange(len(data))
        if self.rng.random() < 0.5:
            del data[place:]
        else:
            data[place] ^= 1 << self.rng.randrange(8)
        path.write_bytes(data)
        # What this very damage took is not the program's to keep; all else is.
        survived = acknowledged(self.run_dir)
        self.acknowledged = {k: v for k, v in self.acknowledged.items() if survived.get(k) == v}
        return True


def journals(run_dir: Path) -> list[Path]:
    """Return the journal, as a list like run_directory.generation_paths."""
    path = run_dir / run_directory.JOURNAL
    return [path] if path.exists() else []


def acknowledged(run_dir: Path) -> dict[tuple[int, int], float]:
    """Return when each evaluation on the disk began: a repeated one began later."""
    found: dict[tuple[int, int], float] = {}
    if not run_dir.exists():
        return found
    for generation in store.read_run(run_dir).generations:
        for outcome in generation.outcomes:
            found[generation.number, outcome.candidate] = outcome.started
    for entry in journal.read(run_dir).entries:
        if isinstance(entry.item, Outcome):
            found.setdefault((entry.generation, entry.item.candidate), entry.item.started)
    return found


def finished(run_dir: Path) -> bool:
    """Return whether all generations are there."""
    wanted = next(int(o.partition("=")[2]) for o in OPTIONS if "generations" in o)
    return len(run_directory.generation_paths(run_dir)) == wanted


def history(run_dir: Path) -> list[Any]:
    """Return all that one seed must give again: all but times, places and tries."""
    return [
        (
            generation.state,
            generation.candidates,
            [
                replace(
                    outcome,
                    seconds=Seconds(),
                    started=0.0,
                    rank=0,
                    host="",
                    device="",
                    attempts=1,
                )
                for outcome in generation.outcomes
            ],
        )
        for generation in store.read_run(run_dir).generations
    ]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="start no new run after these"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="comma-separated; default: all")
    parser.add_argument("--mpirun", default=str(Path(sys.executable).parent / "mpirun"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--json", type=Path, help="write the counts here")
    arguments = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="chaos_"))
    size = f"size={DISK_MB}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "chaos", str(folder)], capture_output=True
    )
    if mounted.returncode:
        print(f"no small disk, so no full one: {mounted.stderr.decode().strip()}")
    try:
        chaos = Chaos(arguments, folder)
        kinds = arguments.kinds.split(",") if arguments.kinds else list(chaos.kinds)
        if mounted.returncode and "full_disk" in kinds:
            kinds.remove("full_disk")
        chaos.disturb(kinds, arguments.faults, arguments.seconds)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        kept = Path(tempfile.mkdtemp(prefix="chaos_kept_"))
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        print(f"everything is kept in {kept}")
        return 1
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    result = {
        "faults": dict(chaos.faults),
        "total": sum(chaos.faults.values()),
        "runs": chaos.runs,
        "launches": chaos.launches,
        "acknowledged_outcomes": chaos.acknowledged_ever,
        "exit_codes": dict(sorted(chaos.codes.items())),
        "lost": 0,
        "differing_histories": 0,
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
