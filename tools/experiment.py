#!/usr/bin/env python3
"""Run the thesis's experiment: N seeds, each without and with compression, from the same start.

Example:
    python tools/experiment.py configs/digits.yaml --seeds 4 --ranks 3 --output runs/digits
    python tools/summarize.py runs/digits

Called again it goes on where it was stopped; finished runs are not repeated. In a job array each
task runs the experiment of its index: 1 and 2 are seed 0 without and with compression, 3 and 4
seed 1, and so on.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, installed or not

from mpineat import store
from mpineat.config import yaml_file
from mpineat.errors import DONE, FAILED, STOPPED, USAGE, InputError, StorageError
from mpineat.store import directory


@dataclass(frozen=True, slots=True)
class Experiment:
    """One run of the plan; the pair of a seed differs in compression alone."""

    seed: int
    compressed: bool
    run_dir: Path
    overrides: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_intermixed_args(argv)
    try:
        experiments = plan(
            arguments.output, arguments.seeds, arguments.first_seed, arguments.options
        )
        if arguments.index is not None:
            experiments = (_pick(experiments, arguments.index),)
        launcher = find_launcher(arguments.launcher, arguments.ranks)
        config = Path(arguments.config)
        if arguments.print:
            return _print(config, experiments)
        return run_all(config, experiments, launcher)
    except (InputError, StorageError) as error:
        print(f"experiment: {error}", file=sys.stderr)
        return USAGE if isinstance(error, InputError) else FAILED


def plan(
    output: Path, seeds: int, first_seed: int, options: Sequence[str]
) -> tuple[Experiment, ...]:
    """Return the runs in order: the plain and the compressed one of a seed one after the other."""
    return tuple(
        Experiment(
            seed,
            compressed,
            output / f"{'compressed' if compressed else 'plain'}-s{seed}",
            (*options, f"run.seed={seed}", f"compression.enabled={str(compressed).lower()}"),
        )
        for seed in range(first_seed, first_seed + seeds)
        for compressed in (False, True)
    )


def find_launcher(given: str | None, ranks: int) -> tuple[str, ...]:
    """Return the words that start `ranks` ranks: none for one rank, which evaluates in place.

    Raises:
        InputError: There is no mpirun beside the interpreter or on the PATH.
    """
    if given is None and ranks == 1:
        return ()
    beside = Path(sys.executable).parent / "mpirun"
    words = shlex.split(given) if given else [str(beside) if beside.exists() else "mpirun"]
    if not words or shutil.which(words[0]) is None:
        raise InputError(
            f"{given or 'mpirun'}: not found; name the launcher: --launcher 'mpirun ...'"
        )
    return (*words, "-np", str(ranks))


def run_all(config: Path, experiments: Sequence[Experiment], launcher: Sequence[str]) -> int:
    """Run what is not finished, one experiment after another.

    Returns:
        0 when all are finished; 75 or 2 as soon as a run ends with it; 1 when another failed.
    """
    failed = []
    for number, experiment in enumerate(experiments, 1):
        head = f"experiment {number} of {len(experiments)}: {experiment.run_dir}"
        if is_finished(config, experiment):
            print(f"{head}: finished before", flush=True)
            continue
        print(head, flush=True)
        words = run_words(config, experiment)
        status = _run([*launcher, sys.executable, "-m", "mpineat", "run", *words, "--resume"])
        if status in (STOPPED, USAGE):
            return status
        if status:
            failed.append(f"{experiment.run_dir} (exit code {status})")
    if failed:
        print(f"experiment: failed: {', '.join(failed)}; run the same again", file=sys.stderr)
    return FAILED if failed else DONE


def run_words(config: Path, experiment: Experiment) -> tuple[str, ...]:
    """Return what follows `mpineat run`."""
    return (str(config), str(experiment.run_dir), *experiment.overrides)


def is_finished(config: Path, experiment: Experiment) -> bool:
    """Tell whether all that the configuration asks for is on the disk, the final too.

    Raises:
        InputError: The configuration is wrong.
        StorageError: What is on the disk cannot be read now.
    """
    options = yaml_file.load(config, experiment.overrides)
    if not directory.is_used(experiment.run_dir):
        return False
    generations = store.look(experiment.run_dir, store.read_summary).generations
    if not generations or generations[-1].number < options.evolution.generations - 1:
        return False
    return options.final.candidates == 0 or (experiment.run_dir / directory.FINAL).exists()


def _run(command: Sequence[str]) -> int:
    """Run a command; a signal that asks to stop is its, and this program waits for it to end."""
    process = subprocess.Popen(command)

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


def _pick(experiments: Sequence[Experiment], index: int) -> Experiment:
    if not 1 <= index <= len(experiments):
        raise InputError(f"--index {index}: expected 1 to {len(experiments)}, two for each seed")
    return experiments[index - 1]


def _print(config: Path, experiments: Sequence[Experiment]) -> int:
    print("\n\n".join("\n".join(run_words(config, e)) for e in experiments))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, as for `mpineat run`")
    parser.add_argument("options", nargs="*", metavar="key=value", help="overrides for all runs")
    parser.add_argument(
        "--seeds", type=int, default=4, metavar="N", help="pairs of runs (thesis: 4)"
    )
    parser.add_argument(
        "--first-seed", type=int, default=0, metavar="S", help="seed of the first pair"
    )
    parser.add_argument("--ranks", type=int, default=3, metavar="N", help="MPI ranks of each run")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="where the run directories go"
    )
    parser.add_argument(
        "--index", type=int, metavar="I", help="run only this experiment, counted from 1"
    )
    parser.add_argument(
        "--launcher",
        metavar="COMMAND",
        help="how to start MPI programs; default: the mpirun beside python or on the PATH",
    )
    parser.add_argument(
        "--print",
        action="store_true",
        help="run nothing; print what would follow `mpineat run`, a word a line",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
