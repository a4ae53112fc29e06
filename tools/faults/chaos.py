"""Chaos: runs that faults hit at random moments, and what must hold between them."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from faults import intruders, strikes
from faults.job import JOB_SECONDS, Broken, Job
from faults.record import Known, acknowledged, finished, history, journals

from mpineat import store
from mpineat.store import directory

HARMLESS = (  # the job goes on
    "kill_child",
    "crash_child",
    "stop_child",
    "starve_child",
    "garble_pipe",
    "suspend",
    "foreign_lines",
)
MET = {"foreign_final", "foreign_generation"}  # put in early, the job itself may refuse them


class Chaos:
    """Runs, faults, and what must hold between them."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.rng = random.Random(arguments.seed)
        self.mpirun, self.python, self.folder = arguments.mpirun, arguments.python, folder
        self.faults: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.runs = self.launches = self.acknowledged_ever = 0
        self.acknowledged: dict[tuple[int, int], Known] = {}
        self.preload = folder / "sick_disk.so"
        self.output = folder / "output.log"
        self.data = folder / "data.npz"
        intruders.write_data(self.data)
        self.others = [self._undisturbed("other", "run.seed=1"), self._undisturbed("twin")]
        self.truth = history(self._undisturbed("reference"))
        self.kinds: dict[str, Callable[[Job], bool]] = {
            "full_disk": self._fill_disk,
            "damage_checkpoint": lambda job: self._damage(job, directory.generation_paths),
            "damage_journal": lambda job: self._damage(job, journals),
            "sick_disk": self._sicken_disk,
            "foreign_lines": self._add_lines,
            "changed_data": self._change_data,
            "moved_data": self._move_data,
        }
        for name, strike in strikes.KINDS.items():
            self.kinds[name] = partial(strike, self.rng)
        for name, kind in intruders.KINDS.items():
            self.kinds[name] = partial(self._intrude, kind)

    def _undisturbed(self, name: str, *more: str) -> Path:
        self.run_dir = self.folder / name
        job = self._started(*more)
        code = job.wait(JOB_SECONDS)
        job.gone()
        if code != 0:
            raise Broken(f"the undisturbed run ended with {code}; see {self.output}")
        return self.run_dir

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
                if kind not in HARMLESS:
                    self._make_room()  # the faults themselves need some
                if kind and self.kinds[kind](job):
                    hits.append(kind)
                    self.faults[kind] += 1
                    print(f"{sum(self.faults.values()):4d} {kind}", flush=True)
                elif kind:
                    order.append(kind)  # there is nothing yet that it could hit
            job.gone()
        finally:
            job.end()
            self._make_room()
        self._remember()
        fatal = [kind for kind in hits if kind not in HARMLESS]
        self.codes[f"{fatal[-1] if fatal else 'harmless'}: {code}"] += 1
        refused = code == 2 and MET.isdisjoint(hits)
        if refused or (code == 0 and not finished(self.run_dir)) or (code != 0 and not fatal):
            raise Broken(f"exit code {code} after {hits}; see {self.output}")
        return code

    def _launch(self) -> Job:
        if not store.history(self.run_dir).newest:
            return self._started()
        if (code := self._started().wait(JOB_SECONDS)) != 2:
            raise Broken(f"a damaged checkpoint was passed over: exit code {code}, expected 2")
        return self._started("--accept-damage")

    def _started(self, *more: str, **variables: str) -> Job:
        self.launches += 1
        words = (f"dataset.path={self.data}", *more)
        return Job(self.mpirun, self.python, self.run_dir, self.output, *words, **variables)

    def _remember(self) -> None:
        """Note every outcome that the run has acknowledged, and miss none of the old ones."""
        now = acknowledged(self.run_dir)
        for key, before in self.acknowledged.items():
            if key not in now or not now[key].follows(before):
                raise Broken(f"generation {key[0]}, candidate {key[1]}: its outcome was lost")
        self.acknowledged_ever += len(now.keys() - self.acknowledged.keys())
        self.acknowledged = now

    def _check_history(self) -> None:
        found = history(self.run_dir)
        for number, (got, expected) in enumerate(zip(found, self.truth, strict=True)):
            if got != expected:
                raise Broken(f"generation {number} differs from the undisturbed run's")

    def _fill_disk(self, job: Job) -> bool:
        if not self.run_dir.exists():
            return False
        room = os.statvfs(self.folder)
        left = self.rng.choice((0, 1, 3)) * room.f_frsize
        with suppress(OSError), open(self.run_dir / "filler", "wb", buffering=0) as file:
            file.truncate(0)
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - left)
        return True

    def _make_room(self) -> None:
        """Take away what filled the disk."""
        (self.run_dir / "filler").unlink(missing_ok=True)

    def _sicken_disk(self, job: Job) -> bool:
        """Kill everything, and launch where no checkpoint can be read: nothing may change."""
        if not directory.generation_paths(self.run_dir) or not strikes.end(self.rng, job):
            return False
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
        if not strikes.end(self.rng, job):
            return False
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

    def _intrude(self, kind: intruders.Kind, job: Job) -> bool:
        """Put in what is not the run's own, while it runs or when it does not; it is refused."""
        early = kind.running and self.rng.random() < 0.5
        history = store.history(self.run_dir)  # damage that nobody has accepted yet comes first
        ready = not history.newest and len(history.generations) >= kind.generations
        if not ready or not (early or strikes.end(self.rng, job)):
            return False
        found = kind.intrude(self.rng, self.run_dir, self.rng.choice(self.others))
        if early:
            put = found.path.read_bytes()
            job.wait(self.rng.uniform(0.0, 2.0))
            if not strikes.end(self.rng, job):  # it has ended by itself
                job.gone()
            if not found.path.exists() or found.path.read_bytes() != put:
                return True  # the run has written its own over it
        self._refuse(found)
        return True

    def _refuse(self, found: intruders.Intruder) -> None:
        """Launch, which must be refused by name and change nothing; then take the thing away."""
        before, said = self._everything(), self.output.stat().st_size
        refused = self._started()
        code = refused.wait(JOB_SECONDS)
        refused.gone()
        text = self.output.read_bytes()[said:].decode(errors="replace")
        if code != 2 or found.named not in text:
            raise Broken(f"exit code {code}, expected 2 and {found.named!r}: {text[-2000:]}")
        if self._everything() != before:
            raise Broken(f"a launch that was refused for {found.named!r} changed the run")
        found.undo()

    def _everything(self) -> dict[Path, bytes]:
        """Return all files of the run but its logs and its lock, which a killed launch leaves."""
        left_out = {self.run_dir / directory.LOGS, self.run_dir / directory.LOCK}
        files = (path for path in self.run_dir.rglob("*") if path.is_file())
        return {p: p.read_bytes() for p in files if left_out.isdisjoint((p, *p.parents))}

    def _add_lines(self, job: Job) -> bool:
        self._make_room()
        return intruders.lines(self.rng, self.run_dir, self.rng.choice(self.others))

    def _change_data(self, job: Job) -> bool:
        if not (self.run_dir / intruders.DATASET).exists() or not strikes.end(self.rng, job):
            return False
        self._refuse(intruders.data(self.rng, self.run_dir, self.data))
        return True

    def _move_data(self, job: Job) -> bool:
        """Move the data; the launch that looks where they were is refused, the next one is told."""
        if not (self.run_dir / intruders.DATASET).exists() or not strikes.end(self.rng, job):
            return False
        there = self.folder / f"data_{self.rng.randrange(1 << 30)}.npz"
        self.data.rename(there)
        self._refuse(intruders.Intruder(path=there, named=str(self.data), undo=lambda: None))
        self.data = there
        return True
