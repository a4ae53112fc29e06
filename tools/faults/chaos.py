"""Chaos: runs that faults hit at random moments, and what must hold between them."""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from faults.garbage import garbage, write_to_its_rank
from faults.job import JOB_SECONDS, LOST_SECONDS, Broken, Job
from faults.record import acknowledged, finished, history, journals

from mpineat import store
from mpineat.store import directory

HARMLESS = (  # the job goes on
    "kill_child",
    "crash_child",
    "stop_child",
    "starve_child",
    "garble_pipe",
    "suspend",
)
SUSPENDED_SECONDS = 1.5 * LOST_SECONDS


class Chaos:
    """Runs, faults, and what must hold between them."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.rng = random.Random(arguments.seed)
        self.mpirun, self.python, self.folder = arguments.mpirun, arguments.python, folder
        self.faults: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.runs = self.launches = self.acknowledged_ever = 0
        self.acknowledged: dict[tuple[int, int], float] = {}
        self.preload = folder / "sick_disk.so"
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
            "damage_checkpoint": lambda job: self._damage(job, directory.generation_paths),
            "damage_journal": lambda job: self._damage(job, journals),
            "garble_pipe": self._garble,
            "suspend": self._suspend,
            "sick_disk": self._sicken_disk,
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
        if not store.history(self.run_dir).newest:
            return self._started()
        if (code := self._started().wait(JOB_SECONDS)) != 2:
            raise Broken(f"a damaged checkpoint was passed over: exit code {code}, expected 2")
        return self._started("--accept-damage")

    def _started(self, *more: str, **variables: str) -> Job:
        self.launches += 1
        output = self.folder / "output.log"
        return Job(self.mpirun, self.python, self.run_dir, output, *more, **variables)

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
        if not children or not (directory.generation_paths(self.run_dir)):
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

    def _garble(self, job: Job) -> bool:
        """Write to a child's pipe what only another process would."""
        if not (children := job.look("child")):
            return False
        child = self.rng.choice(children)
        return write_to_its_rank(child.pid, child.command, garbage(self.rng))

    def _suspend(self, job: Job) -> bool:
        """Suspend the whole job for longer than a rank may be silent."""
        return bool(job.look("rank")) and job.suspend(SUSPENDED_SECONDS, self.rng.shuffle)

    def _sicken_disk(self, job: Job) -> bool:
        """Kill everything, and launch where no checkpoint can be read: nothing may change."""
        if not directory.generation_paths(self.run_dir) or not self._kill_all(job):
            return False
        job.process.wait()
        job.gone()
        before = self._checkpoints()
        trigger = self.folder / "sick"
        trigger.touch()
        patient = self._started(LD_PRELOAD=str(self.preload), CHAOS_SICK=str(trigger))
        try:
            while (code := patient.wait(JOB_SECONDS)) is None:
                pass
            patient.gone()
        finally:
            trigger.unlink()
            patient.end()
        if code != 1:
            raise Broken(f"exit code {code} where no checkpoint could be read")
        if self._checkpoints() != before:
            raise Broken("checkpoints that could not be read were changed")
        return True

    def _checkpoints(self) -> dict[str, bytes]:
        folder = self.run_dir / directory.GENERATIONS
        return {path.name: path.read_bytes() for path in folder.iterdir()}

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
        if not data:  # folded in the last moment; the job was killed all the same
            return True
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
