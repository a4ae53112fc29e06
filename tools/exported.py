"""Exports by tools/experiment.py: each leaves a line in a file beside the runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from mpineat import store
from mpineat.config import yaml_file
from mpineat.errors import DONE
from mpineat.experiments.exports import AS_SEARCHED

EXPORTS = "exports"  # folder beside the runs
AS_SEARCHED_WORDS = ("recipe.augment=search",)  # no more is done to the images than in the search


def winners(run_dirs: Sequence[Path], times: int, epochs: int | None) -> int:
    """Train each run's winner `times` times more and measure it; what was measured is kept.

    Returns:
        0 when all is measured; 1, or the code of a signal, as soon as an export fails.
    """
    for run_dir in run_dirs:
        options = ["--epochs", str(epochs)] if epochs else []
        words = [["--seed", str(seed), *options] for seed in range(times)]
        if status := _exports(run_dir, words, f"{run_dir.name}.jsonl"):
            return status
    return DONE


def last(run_dirs: Sequence[Path]) -> int:
    """Train the networks of each last generation in full and measure them.

    Returns:
        As `winners` does.
    """
    for run_dir in run_dirs:
        generation = store.read_run(run_dir).generations[-1]
        epochs = yaml_file.loads(generation.config).training.epochs
        different = {o.network_hash: o for o in generation.outcomes if o.status != "failed"}
        words = [
            ["--candidate", str(outcome.candidate), "--epochs", str(epochs), *AS_SEARCHED_WORDS]
            for outcome in different.values()
        ]
        name = f"{run_dir.name}-last.jsonl"
        if status := _exports(run_dir, words, name, {AS_SEARCHED: True}):
            return status
    return DONE


def _exports(
    run_dir: Path, words: Sequence[Sequence[str]], name: str, added: Mapping[str, object] = {}
) -> int:
    """Export with each of `words`, a line of the file `name` an export; lines are not repeated."""
    lines = run_dir.parent / EXPORTS / name
    lines.parent.mkdir(exist_ok=True)
    done = len(lines.read_bytes().splitlines()) if lines.exists() else 0
    for number, own in enumerate(words[done:], done + 1):
        print(f"export {number} of {len(words)}: {run_dir}", flush=True)
        if status := _export(run_dir, own, lines, added):
            return status
    return DONE


def _export(run_dir: Path, words: Sequence[str], lines: Path, added: Mapping[str, object]) -> int:
    with tempfile.TemporaryDirectory() as scratch:
        output, said = Path(scratch, "model.keras"), Path(scratch, "said")
        command = [sys.executable, "-m", "mpineat", "export", str(run_dir), "-o", str(output)]
        with open(said, "wb") as file:
            status = run([*command, "--json", *words], file)
        if not status:
            with open(lines, "a") as file:
                file.write(f"{json.dumps(json.loads(said.read_bytes()) | added)}\n")
    return status


def run(command: Sequence[str], output: IO[bytes] | None = None) -> int:
    """Run a command; a signal that asks to stop is its, and this program waits for it to end."""
    process = subprocess.Popen(command, stdout=output)

    def forward(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT:  # a terminal's Ctrl-C has reached the launcher already
            process.send_signal(number)

    stops = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, forward) for number in stops}
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - status if status < 0 else status
