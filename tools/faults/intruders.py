"""What does not belong to a run: files of other runs, its own in wrong places, other data.

Each function puts one such thing into a run that has ended a generation, and returns what a launch
must say of it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mpineat.cli.same_data import DATASET
from mpineat.store import directory, owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Intruder:
    """Something wrong that was put into a run.

    Attributes:
        path: What was replaced, added or taken away.
        named: What the refusal must name.
        undo: Puts everything back as it was.
    """

    path: Path
    named: str
    undo: Callable[[], None]


Intrude = Callable[[random.Random, Path, Path], Intruder]


def _keep(*paths: Path) -> Callable[[], None]:
    """Return what puts these files back as they are now."""
    before = {path: path.read_bytes() if path.exists() else None for path in paths}

    def put_back() -> None:
        for path, data in before.items():
            path.unlink(missing_ok=True) if data is None else path.write_bytes(data)

    return put_back


def generation(rng: random.Random, run_dir: Path, other: Path) -> Intruder:
    """Replace a generation's file by that of another run."""
    path = rng.choice(directory.generation_paths(run_dir))
    undo = _keep(path)
    shutil.copyfile(other / directory.GENERATIONS / path.name, path)
    return Intruder(path=path, named=str(path), undo=undo)


def next_generation(rng: random.Random, run_dir: Path, other: Path) -> Intruder:
    """Add the generation of another run that would be the next one."""
    path = directory.generation_path(run_dir, len(directory.generation_paths(run_dir)))
    theirs = [*directory.generation_paths(other), directory.generation_paths(other)[-1]]
    shutil.copyfile(theirs[directory.number_of(path)], path)
    return Intruder(path=path, named=str(path), undo=path.unlink)


def final(rng: random.Random, run_dir: Path, other: Path) -> Intruder:
    """Put the final of another run into the place of the run's own."""
    path = run_dir / directory.FINAL
    undo = _keep(path)
    shutil.copyfile(other / directory.FINAL, path)
    return Intruder(path=path, named=str(path), undo=undo)


def journal(rng: random.Random, run_dir: Path, other: Path) -> Intruder:
    """Replace the journal, with that of the generation before, by those of another run."""
    paths = [run_dir / directory.JOURNAL, run_dir / directory.JOURNAL_BEFORE]
    undo = _keep(*paths)
    for path in paths:
        shutil.copyfile(other / path.name, path)
    return Intruder(path=paths[0], named=directory.JOURNAL, undo=undo)


def swapped(rng: random.Random, run_dir: Path, other: Path) -> Intruder:
    """Swap two of the run's own files."""
    one, two = rng.sample(directory.generation_paths(run_dir), 2)
    undo = _keep(one, two)
    data = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(data)
    return Intruder(path=one, named=str(one), undo=undo)


def missing(rng: random.Random, run_dir: Path, other: Path) -> Intruder:
    """Take one of the run's own files away that later ones follow."""
    path = rng.choice(directory.generation_paths(run_dir)[:-1])
    undo = _keep(path)
    path.unlink()
    return Intruder(path=path, named=str(path), undo=undo)


def lock(rng: random.Random, run_dir: Path, other: Path) -> Intruder:
    """Put a lock there that names a living process: this one."""
    path = run_dir / directory.LOCK
    path.write_text(json.dumps(asdict(owner.myself(run_dir))))
    return Intruder(path=path, named=f"process {os.getpid()}", undo=path.unlink)


def lines(rng: random.Random, run_dir: Path, other: Path) -> bool:
    """Write lines of another run behind the run's own, the last of them torn at times.

    They cost themselves alone: where a generation says which run this is, no launch may refuse
    them, or take anything from them.
    """
    path = run_dir / directory.JOURNAL
    if not directory.generation_paths(run_dir) or not path.exists():
        return False
    theirs = (other / directory.JOURNAL_BEFORE).read_bytes().splitlines(keepends=True)
    theirs += (other / directory.JOURNAL).read_bytes().splitlines(keepends=True)
    chosen = b"".join(rng.sample(theirs, rng.randrange(1, 4)))
    with open(path, "ab") as file:
        file.write(chosen[: rng.choice((len(chosen), -1, -50))])
    return True


def write_data(path: Path) -> None:
    """Write the data set of the undisturbed run."""
    draw = np.random.default_rng(0)
    np.savez(path, x=draw.integers(0, 256, (200, 8, 8, 1), np.uint8), y=np.arange(200) % 10)


def data(rng: random.Random, run_dir: Path, path: Path) -> Intruder:
    """Change the data file: a pixel, two labels, an image less, other images, half a file, none."""
    undo = _keep(path)
    with np.load(path) as arrays:
        x, y = arrays["x"], arrays["y"]
    named = str(run_dir / DATASET)
    change = rng.randrange(6)
    if change == 0:
        x[rng.randrange(len(x)), rng.randrange(8), rng.randrange(8)] += 1
    elif change == 1:
        y[[0, 1]] = y[[1, 0]]
    elif change == 2:
        x, y = x[:-1], y[:-1]
    elif change == 3:
        x = np.zeros((len(x), 12, 12, 3), np.uint8)
    np.savez(path, x=x, y=y)
    if change == 4:
        named = str(path)
        os.truncate(path, path.stat().st_size // 2)
    elif change == 5:
        named = str(path)
        path.unlink()
    return Intruder(path=path, named=named, undo=undo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of intruder.

    Attributes:
        generations: That must have ended.
        running: Whether it may come while the job runs, too.
    """

    intrude: Intrude
    generations: int = 1
    running: bool = False


KINDS = {
    "foreign_generation": Kind(intrude=generation, running=True),
    "foreign_final": Kind(intrude=final, running=True),
    "foreign_lock": Kind(intrude=lock, running=True),
    "foreign_next_generation": Kind(intrude=next_generation),
    "foreign_journal": Kind(intrude=journal),
    "swapped_generations": Kind(intrude=swapped, generations=2),
    "missing_generation": Kind(intrude=missing, generations=2),
}
