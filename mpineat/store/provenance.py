"""provenance.json: where, when and with what a run was launched, one entry a launch."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import mpineat
from mpineat import files
from mpineat.cluster import batch
from mpineat.errors import InputError, StorageError
from mpineat.store import directory

DONE, STOPPED, FAILED = "done", "stopped", "failed"  # how a launch ends
_PACKAGES = ("mpineat", "numpy", "h5py", "pydantic", "mpi4py", "tensorflow", "keras")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What is read out of an entry; a value of a kind that this program never writes is missing.

    Attributes:
        run_id: Of the run; "" where that is not recorded.
        started: Unix time.
        ranks: 0 where that is not recorded.
        version: Of mpineat; "" where that is not recorded.
        evaluated: Evaluations that it finished; None where it did not live to say so.
        end: DONE, STOPPED or FAILED; "" where it did not live to say so.
        class_names: Of the data set, by label; () where classes are only numbered.
        entry: All of it, for people.
    """

    run_id: str
    started: float | None
    ranks: int
    version: str
    evaluated: int | None
    end: str
    class_names: tuple[str, ...] = ()
    entry: Mapping[str, Any]


def describe(
    *,
    run_id: str = "",
    ranks: int = 1,
    mpi: str = "",
    devices: Sequence[str] = (),
    dataset: Mapping[str, Any] | None = None,
    class_weights: Sequence[float] = (),
    **more: object,
) -> dict[str, Any]:
    """Return an entry for this launch.

    Args:
        run_id: Of the run, once it is known.
        mpi: The library's own name and version; the farm knows it.
        devices: What the workers train on, in the order of their ranks.
        dataset: Its fingerprint as JSON values.
        class_weights: By label; () where all images count alike in the loss.
        more: What else is worth keeping, as JSON values.
    """
    return {
        "launch": uuid.uuid4().hex,
        "run_id": run_id,
        "started": utc_now(),
        "command": [sys.executable, *sys.argv],
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "ranks": ranks,
        "devices": list(devices),
        "mpi": mpi,
        "versions": {"python": platform.python_version(), **_versions()},
        "commit": _commit(),
        "batch": batch.recorded(),
        "dataset": dict(dataset or {}),
        "class_weights": list(class_weights),
        **more,
    }


def utc_now() -> str:
    """Return the time as ISO 8601, UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def unix_time(text: object) -> float | None:
    """Return the Unix time of an ISO 8601 text, None where it is none."""
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    """Return the commit of this code's checkout, with "+" when files differ; "" elsewhere."""
    folder = Path(mpineat.__file__).parent
    command = [
        "git",
        "-C",
        str(folder),
        "describe",
        "--always",
        "--abbrev=40",
        "--exclude=*",
        "--dirty=+",
    ]
    if not (folder.parent / ".git").exists():
        return ""  # installed below some other project's checkout, perhaps
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def read(run_dir: Path) -> tuple[tuple[Launch, ...], str]:
    """Return the launches, oldest first, and a sentence when they cannot be read, else ""."""
    path = run_dir / directory.PROVENANCE
    try:
        return tuple(_launch(entry) for entry in _entries(path)), ""
    except FileNotFoundError as error:
        return (), f"{path}: cannot be read: {error.strerror}"
    except (InputError, StorageError) as error:
        return (), str(error)


def stopped_in_vain(launches: Sequence[Launch]) -> int:
    """Return how many of the last launches were stopped before one evaluation ended."""
    in_vain = [launch.end == STOPPED and launch.evaluated == 0 for launch in reversed(launches)]
    return (*in_vain, False).index(False)


def _launch(entry: Mapping[str, Any]) -> Launch:
    versions, dataset = entry.get("versions"), entry.get("dataset")
    return Launch(
        run_id=_text(entry.get("run_id")),
        started=unix_time(entry.get("started")),
        ranks=_count(entry.get("ranks")) or 0,
        version=_text(versions.get("mpineat")) if isinstance(versions, dict) else "",
        evaluated=_count(entry.get("evaluated")),
        end=_text(entry.get("end")),
        class_names=_texts(dataset.get("class_names")) if isinstance(dataset, dict) else (),
        entry=entry,
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(values: object) -> tuple[str, ...]:
    found = tuple(values) if isinstance(values, list) else ()
    return found if all(isinstance(value, str) for value in found) else ()


def _entries(path: Path) -> tuple[Mapping[str, Any], ...]:
    try:
        entries = json.loads(directory.patiently(files.read, path))
    except (ValueError, RecursionError):
        raise InputError(f"{path}: damaged: not JSON") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: damaged: expected a list of launches")
    return tuple(entries)


def record(run_dir: Path, entry: Mapping[str, Any]) -> None:
    """Write `entry` into the file, in place of the one of the same launch where there is one.

    Raises:
        StorageError: The disk is full or read-only, or the file cannot be read now.
    """
    path = run_dir / directory.PROVENANCE
    entries: tuple[Mapping[str, Any], ...] = ()
    try:
        entries = _entries(path)
    except FileNotFoundError:
        pass
    except InputError:
        directory.set_aside(path)
    others = [other for other in entries if other.get("launch") != entry["launch"]]
    text = json.dumps([*others, entry], indent=1)
    directory.write_durably(path, text.encode())
