#!/usr/bin/env python3
"""Mutates generation files, seals them again, and has every reader try them.

    python tools/fuzz/generations.py RUN_DIR [--mutations 5000] [--seed 0]

RUN_DIR is a run of a few generations, the smaller the faster; it is copied, and each time one
value, column, table or attribute of its newest generation's file is changed. Status, report,
results, summarize and resume must end with a value or with an InputError of one line, each within
5 s and 4 GiB; what is accepted must hold values that the types of its fields accept.
"""

from __future__ import annotations

import argparse
import copy
import functools
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mpineat import store
from mpineat.cli.run import take_up
from mpineat.config import Config, yaml_file, yaml_text
from mpineat.errors import InputError
from mpineat.evolution.strategy import select
from mpineat.experiments.runs import read_experiment
from mpineat.genotype.genome import Candidate
from mpineat.report import page, results, status
from mpineat.report.overview import overview
from mpineat.search import inherited
from mpineat.store import directory, hdf5
from mpineat.store.journal_line import CANDIDATE
from mpineat.tasks import OUTCOME, Outcome

SECONDS = 5.0
MEMORY = 4 << 30
NUMBERS = (0, 1, -1, 2, 7, -7, 2**31, -(2**31), 2**53, 2**62, 2**63 - 1, -(2**63), 10**9)
FLOATS = (0.0, -0.5, 1.5, 1e9, -1e300, 1e300, float("nan"), float("inf"), float("-inf"))
TEXTS = (b"", b"<b>", b"\xff\xfe", b"{", b"[1]", b"[" * 3000, b"{}", b"null", b"add", b"x" * 500)


def widened(table: Any, column: str, dtype: str) -> Any:
    """Return the table with another type of one of its columns."""
    kinds = [(n, dtype if n == column else table.dtype[n]) for n in table.dtype.names]
    found = np.zeros(len(table), kinds)
    for name in table.dtype.names:
        if name != column or np.dtype(dtype).kind == table.dtype[name].kind:
            found[name] = table[name]
    return found


def mutate(rng: random.Random, attributes: dict[str, Any], tables: dict[str, Any]) -> str:
    """Change one thing, and return what."""
    kind = rng.choice(("value",) * 12 + ("swap", "rows", "drop", "column", "type", "attribute"))
    if kind == "attribute":
        name = rng.choice(sorted(attributes))
        attributes[name] = rng.choice((*NUMBERS, *FLOATS, "", "x", True, np.zeros(2)))
        return f"attribute {name} = {attributes[name]!r}"
    path = rng.choice(sorted(p for p in tables if tables[p].dtype.names))
    table = tables[path]
    if kind == "drop":
        del tables[path]
        return f"{path} dropped"
    column = rng.choice(table.dtype.names)
    if kind == "column":
        rest = [n for n in table.dtype.names if n != column]
        tables[path] = np.zeros(len(table), [(n, table.dtype[n]) for n in rest] or [("x", "<i8")])
        for name in rest:
            tables[path][name] = table[name]
        return f"{path}: {column} dropped"
    if kind == "type":
        dtype = rng.choice(("<i8", "<f8", "S5", "?", "<u8", "<i1", "<c16"))
        tables[path] = widened(table, column, dtype)
        return f"{path}: {column} of type {dtype}"
    if not len(table):
        tables[path] = np.ones(rng.randrange(1, 4), table.dtype)
        return f"{path}: rows of ones"
    if kind == "rows":
        rows = [rng.randrange(len(table)) for _ in range(rng.randrange(len(table) + 3))]
        tables[path] = table[rows]
        return f"{path}: {len(rows)} rows at random of {len(table)}"
    row = rng.choice((0, -1, rng.randrange(len(table)), slice(None)))
    if kind == "swap":
        other = rng.randrange(len(table))
        row = 0 if isinstance(row, slice) else row
        table[column][[row, other]] = table[column][[other, row]]
        return f"{path}: {column}[{row}] and [{other}] swapped"
    letter = table.dtype[column].kind
    if letter == "S":
        value: Any = rng.choice((*TEXTS, bytes(rng.randrange(1, 256) for _ in range(8))))
        table = widened(table, column, f"S{max(table.dtype[column].itemsize, len(value) + 1)}")
    elif letter == "i" and table.dtype[column].itemsize > 1:
        value = rng.choice((*NUMBERS, rng.randrange(20)))
        table = widened(table, column, "<i8")
    elif letter == "f":
        value = rng.choice((*FLOATS, rng.random()))
    else:
        value = rng.choice((0, 1, -1, 2))
    table[column][row] = value
    tables[path] = table
    return f"{path}: {column}[{row}] = {value!r:.60}"


def resume(run_dir: Path, config: Config) -> None:
    """Take the run up, as a launch does, and breed the next generation."""
    newest = take_up(run_dir, config).earlier[-1]
    state, _ = inherited(newest, config)
    strategy = select(config)
    bred = strategy.breed(state, config)
    strategy.ask(bred, config, lambda candidate: candidate, 2)


def read_once() -> None:
    """Let the readers share what is slow to read: a file's bytes, a configuration's text."""
    unpack = functools.lru_cache(maxsize=30)(lambda path, only, changed: hdf5_unpack(path, only))
    load = functools.lru_cache(maxsize=100)(yaml_text._load)
    hdf5_unpack = hdf5.unpack

    def unpacked(path: Path, only: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        wanted = None if only is None else frozenset(only)
        attributes, tables = unpack(path, wanted, path.stat().st_mtime_ns)
        return dict(attributes), dict(tables)

    def loaded(text: str) -> tuple[Any, Any]:
        node, values = load(text)
        return node, copy.deepcopy(values)  # their reader fills them up

    hdf5.unpack, yaml_text._load = unpacked, loaded


def readers(run_dir: Path, config: Config) -> dict[str, Callable[[], object]]:
    """Return all that reads a generation's file."""
    return {
        "status": lambda: status.as_json(run_dir),
        "report": lambda: page.render(overview(run_dir)),
        "results": lambda: results.open_run(run_dir),
        "summarize": lambda: read_experiment(run_dir),
        "resume": lambda: resume(run_dir, config),
    }


def is_accepted(path: Path) -> bool:
    """Return whether the store takes the file for one of its own."""
    try:
        store.read(path)
    except InputError:
        return False
    except Exception:
        return True  # the readers below will show it
    return True


def out_of_range(path: Path) -> str | None:
    """Return what the types of the fields refuse of a file that was accepted."""
    try:
        generation = store.read(path)
    except Exception:
        return None
    values: list[Outcome | Candidate] = [*generation.outcomes, *generation.candidates]
    for value in values:
        codec: Any = OUTCOME if isinstance(value, Outcome) else CANDIDATE
        try:
            codec.loads(codec.dumps(value))
        except ValueError as error:
            return str(error)
    return None


def main() -> int:
    """Fuzz, print each failure, then the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--mutations", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rng = random.Random(options.seed)
    config = yaml_file.load(options.run_dir / directory.CONFIG)
    read_once()
    counts: Counter[str] = Counter()
    slowest, failures = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        shutil.copytree(options.run_dir, run_dir)
        path = directory.generation_paths(run_dir)[-1]
        attributes, whole = hdf5.unpack(path)
        for name in ("format", "format_version", "content_sha256"):
            del attributes[name]
        for number in range(options.mutations):
            its, tables = dict(attributes), {name: array.copy() for name, array in whole.items()}
            what = ""
            try:
                what = "; ".join(mutate(rng, its, tables) for _ in range(rng.choice((1, 1, 1, 2))))
                path.write_bytes(hdf5.pack(its, tables)[0])
            except (ValueError, TypeError, KeyError, OverflowError):
                counts["no such file"] += 1
                continue
            accepted = is_accepted(path)
            for name, read in readers(run_dir, config).items():
                # What the store refuses it refuses for all in one place; a page takes seconds.
                often = {"report": 250}.get(name, 1 if accepted or name == "status" else 20)
                if number % often:
                    continue
                began = time.process_time()
                try:
                    read()
                    said = "accepted"
                except InputError as error:
                    said = "refused" if str(error).count("\n") < 20 else "LONG"
                except Exception:
                    said = "TRACEBACK"
                    print(f"{number}: {what}: {name}: {traceback.format_exc()}", flush=True)
                took = time.process_time() - began
                slowest = max(slowest, took)
                failures += said.isupper() or took > SECONDS
                counts[f"{name} {said}"] += 1
            if wrong := out_of_range(path):
                failures += 1
                print(f"{number}: {what}: accepted: {wrong}", flush=True)
    print(f"{options.mutations} mutations, slowest {slowest:.2f} s, {failures} failures")
    for name, number in sorted(counts.items()):
        print(f"  {number:6} {name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
