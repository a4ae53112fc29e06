"""The run directory: where its files lie, and how they are written whole or not at all.

A file is written beside its name, synced, renamed, and the directory synced: of five ways to write
checkpoints that were killed at random moments only this one lost nothing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mpineat import files
from mpineat.errors import StorageError

CONFIG = "config.yaml"
PROVENANCE = "provenance.json"
JOURNAL = "journal.jsonl"
JOURNAL_BEFORE = "journal_before.jsonl"  # the journal of the newest finished generation
LOCK = "run.lock"
GENERATIONS = "generations"
FINAL = "final.h5"  # a generation's file in all but its name
LOGS = "logs"
WEIGHTS = "weights"  # of trained networks, where a strategy passes them on
SHEET = "classes.png"  # images of each class; where Pillow was there to draw them

PAUSES = (0.1, 0.3, 1.0)  # seconds before each further try to read a file
T = TypeVar("T")

_GENERATION = re.compile(r"generation_(\d{4,})\.h5")
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]+\.tmp")


def generation_path(run_dir: Path, generation: int) -> Path:
    """Return the path of a generation's file."""
    return run_dir / GENERATIONS / f"generation_{generation:04d}.h5"


def generation_paths(run_dir: Path) -> tuple[Path, ...]:
    """Return the generation files that are there, oldest first, damaged ones included.

    Raises:
        StorageError: The folder is there and cannot be listed.
    """
    folder = run_dir / GENERATIONS
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StorageError(f"{folder}: cannot be read: {error.strerror}") from error
    found = {
        int(match[1]): folder / name for name in names if (match := _GENERATION.fullmatch(name))
    }
    return tuple(found[number] for number in sorted(found))


def number_of(path: Path) -> int:
    """Return the number in a generation file's name."""
    return int(path.stem.rpartition("_")[2])


def is_used(run_dir: Path) -> bool:
    """Return whether a run has been started in this directory."""
    return any((run_dir / name).exists() for name in (CONFIG, PROVENANCE, JOURNAL, GENERATIONS))


def create(run_dir: Path) -> None:
    """Make the directory and its folders where they are missing.

    Raises:
        StorageError: The disk is full or read-only, or a part of the path is a file.
    """
    with storage_errors(run_dir):
        for folder in (run_dir, *(run_dir / name for name in (GENERATIONS, LOGS))):
            folder.mkdir(0o775, parents=True, exist_ok=True)  # the world does not write


def patiently(read: Callable[[Path], T], path: Path) -> T:
    """Return read(path), tried again where a disk or a network fails for a moment.

    Raises:
        FileNotFoundError: There is no such file.
        StorageError: It cannot be read, which says nothing about what it holds.
    """
    for pause in PAUSES:
        try:
            return read(path)
        except (FileNotFoundError, files.Foreign):
            break
        except OSError:
            time.sleep(pause)
    try:
        return read(path)
    except FileNotFoundError:
        raise
    except files.Foreign as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from error
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be read: {error.strerror}, {len(PAUSES) + 1} times; it was left "
            "as it is: mend that, then go on with --resume"
        ) from error


def remove_temporary(run_dir: Path) -> None:
    """Remove what killed writers left half written; only for the holder of the lock."""
    for folder in (run_dir, run_dir / GENERATIONS):
        with storage_errors(folder):
            for path in folder.iterdir() if folder.is_dir() else ():
                if _TEMPORARY.fullmatch(path.name):
                    path.unlink(missing_ok=True)


def write_durably(path: Path, *parts: bytes) -> None:
    """Put a file at `path`, whole or not at all, and on the disk before returning.

    Raises:
        StorageError: The disk is full or read-only; what was there is untouched.
    """
    with storage_errors(path):
        files.write_whole(path, *parts)


def set_aside(path: Path) -> Path:
    """Rename a damaged file so that only a person reads it again; return its new path."""
    number = 0
    while (aside := path.with_name(f"{path.name}.damaged{number or ''}")).exists():
        number += 1
    with storage_errors(path):
        os.rename(path, aside)
        files.sync_directory(path.parent)
    return aside


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a StorageError of one line that names `path`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"{path}: cannot be written: {reason}; "
            "what is on disk is whole: mend that, then go on with --resume"
        ) from error
