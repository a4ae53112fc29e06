"""dataset.json: the data set that a run began with, and the refusal to go on with another one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mpineat.config import Config, yaml_file
from mpineat.data.fingerprint import Fingerprint
from mpineat.errors import InputError
from mpineat.store import directory

DATASET = "dataset.json"


def moved(config: Config, words: Sequence[str], *others: str) -> Config:
    """Return the run's configuration with the place where its data lie now.

    Args:
        others: Further options that may be another's now, or sections of such with a dot.

    Raises:
        InputError: A word that is about anything else.
    """
    allowed = [other if other.endswith(".") else f"{other}=" for other in others]
    told = [own + ("option=value" if own.endswith(".") else "N") for own in allowed]
    more = "".join(f" or {own}" for own in told) or " and no more"
    for word in words:
        if not word.startswith(("dataset.path=", "dataset.arrays.", *allowed)):
            raise InputError(f"command line: {word!r}: expected dataset.path=PATH{more}")
    return yaml_file.loads(yaml_file.dumps(config), "the run's configuration", words)


def record(run_dir: Path, found: Fingerprint, sheet: bytes = b"") -> None:
    """Record the data set of a run that has no record yet, as runs of earlier versions.

    Args:
        sheet: A picture of its classes, which `report` shows; b"" without one.

    Raises:
        StorageError: The record cannot be written.
    """
    path = run_dir / DATASET
    if not path.exists():
        directory.write_durably(path, json.dumps(found.to_json(), indent=1).encode())
    if sheet and not (run_dir / directory.SHEET).exists():
        directory.write_durably(run_dir / directory.SHEET, sheet)


def compare(run_dir: Path, found: Fingerprint) -> None:
    """Raise InputError unless `found` is the data set that the run recorded, where it did."""
    path = run_dir / DATASET
    if not path.exists():
        return
    try:
        recorded = Fingerprint.from_json(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError, InputError) as error:
        raise InputError(
            f"{path}: expected the record of the run's data set: {error}; "
            "bring it back, or remove it to record anew what dataset.path holds"
        ) from error
    if wrong := "; ".join(recorded.differences(found)):
        raise InputError(
            f"{path}: the run has another data set: {wrong}; "
            "dataset.path=... names the run's own, another RUN_DIR starts anew"
        )
