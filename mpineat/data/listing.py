"""Which image files a data set has, and their classes: from folders, or from a table of files."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mpineat.data.image_cache import Labelled
from mpineat.data.pictures import SUFFIXES
from mpineat.data.reader import require_folder
from mpineat.errors import InputError

# What people call the parts; the first is what messages say.
PARTS: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
FILE_COLUMNS = ("file", "filename", "file_name", "path", "image")
LABEL_COLUMNS = ("label", "class", "target")
PART_COLUMNS = ("split", "part", "set")
_TABLES = (".csv", ".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The files of a data set.

    Attributes:
        names: Of the classes, in order; a label is the place of its name.
        parts: "train" always; "validation" and "test" where there are some.
    """

    names: tuple[str, ...]
    parts: Mapping[str, tuple[Labelled, ...]]


def listing(path: Path) -> Listing:
    """List a folder of a folder a class, perhaps below train/, val/ and test/; or a table of files.

    Raises:
        InputError: Neither, fewer than two classes, or a class that is not among those to train on.
    """
    if path.suffix.lower() in _TABLES and not path.is_dir():
        found = _of_table(path)
    else:
        require_folder(
            path, "a folder a class, or train/ and test/ with those; or a .csv or .jsonl"
        )
        found = _of_folders(path)
    if not found.get("train"):
        raise InputError(
            f"{path}: expected a folder a class with images ({', '.join(SUFFIXES)}), found none"
        )
    names = tuple(sorted({name for _, name in found["train"]}))
    if len(names) < 2:
        raise InputError(f"{path}: expected two classes at least, found only {names[0]!r}")
    labels = {name: label for label, name in enumerate(names)}
    parts = {}
    for part, files in found.items():
        if strange := sorted({name for _, name in files} - labels.keys()):
            raise InputError(
                f"{path}: {part}: {strange[0]!r} is no class to train on; those are "
                f"{', '.join(names[:6])}{', ...' if len(names) > 6 else ''}"
            )
        parts[part] = tuple((file, labels[name]) for file, name in files)
    return Listing(names=names, parts=parts)


def _of_folders(path: Path) -> dict[str, list[tuple[Path, str]]]:
    there = {entry.name.lower(): entry for entry in sorted(path.iterdir()) if entry.is_dir()}
    found = {}
    if any(name in there for name in PARTS["train"]):
        for part, names in PARTS.items():
            places = [there[name] for name in names if name in there]
            if len(places) > 1:
                raise InputError(f"{path}: expected one of {places[0].name} and {places[1].name}")
            if places and (files := list(_of_classes(places[0]))):
                found[part] = files
    else:
        found["train"] = list(_of_classes(path))
    return found


def _of_classes(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every image below the folder of a class, class by class, in the names' order."""
    for own in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        inside = [
            Path(place, file)
            for place, _, files in os.walk(own)
            for file in files
            if file.lower().endswith(SUFFIXES) and not file.startswith(".")
        ]
        for file in sorted(inside):
            yield file, own.name


def _of_table(path: Path) -> dict[str, list[tuple[Path, str]]]:
    found: dict[str, list[tuple[Path, str]]] = {}
    parts = {name: part for part, names in PARTS.items() for name in names}
    for line, row in _rows(path):
        place = f"{path}:{line}"
        file = _value(row, FILE_COLUMNS, place)
        label = _value(row, LABEL_COLUMNS, place)
        split = _value(row, PART_COLUMNS, place, default="train").lower()
        if split not in parts:
            raise InputError(f"{place}: expected train, val or test as the part, found {split!r}")
        found.setdefault(parts[split], []).append((path.parent / file, label))
    return found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield (line, values by column) of a table."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                rows = csv.DictReader(file)
                for row in rows:
                    yield rows.line_num, {str(key).strip().lower(): row[key] for key in row}
                return
            for number, line in enumerate(file, 1):
                if line.strip():
                    value = json.loads(line)
                    if not isinstance(value, dict):
                        raise ValueError(f"line {number} is no object")
                    yield number, {key.lower(): item for key, item in value.items()}
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        raise InputError(f"{path}: expected a table of image files: {error}") from error


def _value(
    row: Mapping[str, object], columns: tuple[str, ...], place: str, default: str | None = None
) -> str:
    found = [row[column] for column in columns if row.get(column) not in (None, "")]
    if len(found) == 1 and isinstance(found[0], (str, int)):
        return str(found[0]).strip()
    if not found and default is not None:
        return default
    raise InputError(
        f"{place}: expected one value in a column called {' or '.join(columns[:3])}, "
        f"found {', '.join(map(str, row)) or 'nothing'}"
    )
