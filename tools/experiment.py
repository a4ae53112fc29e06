#!/usr/bin/env python3
"""Run the thesis's experiment: N seeds, each without and with compression, from the same start.

Example:
    python tools/experiment.py configs/digits.yaml --seeds 4 --ranks 3 --output runs/digits
    python tools/summarize.py runs/digits

Other groups, each winner trained three times more and measured on the test set:
    python tools/experiment.py configs/digits.yaml --groups plain compressed default \\
        --output runs/digits --test 3
    python tools/summarize.py runs/digits --groups --exports runs/digits/exports/*.jsonl

With --last each network of a run's last generation is trained as long as in the search, at full
width, and measured on the test set; of most, a search that discards early has only estimates.

plain: no compression, no early discarding. compressed: compression as configured, no discarding.
default: early discarding, and compression by the program's default rule and size. GROUP:key=value
sets an option in the runs of one group alone.

Called again it goes on where it was stopped; finished runs are not repeated. In a job array each
task runs the experiment of its index: with two groups, 1 and 2 are those of seed 0, 3 and 4 those
of seed 1, and so on.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, installed or not

import exported

from mpineat import store
from mpineat.config import yaml_file
from mpineat.errors import DONE, FAILED, STOPPED, USAGE, InputError, StorageError
from mpineat.experiments.groups import GROUPS
from mpineat.store import directory


@dataclass(frozen=True, slots=True)
class Experiment:
    """One run of the plan; the runs of a seed differ in the options of their groups alone."""

    run_dir: Path
    overrides: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_intermixed_args(argv)
    try:
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        experiments = plan(arguments.output, seeds, arguments.groups, arguments.options)
        if arguments.index is not None:
            experiments = (_pick(experiments, arguments.index, len(arguments.groups)),)
        launcher = find_launcher(arguments.launcher, arguments.ranks)
        config = Path(arguments.config)
        if arguments.print:
            return _print(config, experiments)
        status = run_all(config, experiments, launcher)
        run_dirs = [experiment.run_dir for experiment in experiments]
        if not status and arguments.last:
            status = exported.last(run_dirs)
        if not status and arguments.test:
            status = exported.winners(run_dirs, arguments.test, arguments.test_epochs)
        return status
    except (InputError, StorageError) as error:
        print(f"experiment: {error}", file=sys.stderr)
        return USAGE if isinstance(error, InputError) else FAILED


def plan(
    output: Path, seeds: Sequence[int], groups: Sequence[str], options: Sequence[str]
) -> tuple[Experiment, ...]:
    """Return the runs in order: those of a seed one after the other, as `groups` names them.

    Args:
        options: Overrides for all runs, or for those of one group: group:key=value.
    """
    common = [word for word in options if _group(word) is None]
    return tuple(
        Experiment(
            output / f"{group}-s{seed}",
            (
                *common,
                f"run.seed={seed}",
                *GROUPS[group],
                *(word.partition(":")[2] for word in options if _group(word) == group),
            ),
        )
        for seed in seeds
        for group in groups
    )


def _group(word: str) -> str | None:
    """Return the group that an override is for; None: all."""
    name, colon, _ = word.partition("=")[0].partition(":")
    if not colon:
        return None
    if name not in GROUPS:
        raise InputError(f"{word!r}: unknown group {name!r}; known are {', '.join(GROUPS)}")
    return name


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
        status = exported.run(
            [*launcher, sys.executable, "-m", "mpineat", "run", *words, "--resume"]
        )
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


def _pick(experiments: Sequence[Experiment], index: int, groups: int) -> Experiment:
    if not 1 <= index <= len(experiments):
        raise InputError(
            f"--index {index}: expected 1 to {len(experiments)}, {groups} for each seed"
        )
    return experiments[index - 1]


def _print(config: Path, experiments: Sequence[Experiment]) -> int:
    print("\n\n".join("\n".join(run_words(config, e)) for e in experiments))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, as for `mpineat run`")
    parser.add_argument(
        "options", nargs="*", metavar="[GROUP:]key=value", help="overrides for all runs"
    )
    parser.add_argument(
        "--groups",
        nargs="+",
        choices=GROUPS,
        default=["plain", "compressed"],
        metavar="GROUP",
        help="what each seed is run as: %(choices)s; default: plain compressed",
    )
    parser.add_argument(
        "--seeds", type=int, default=4, metavar="N", help="runs of each group (thesis: 4)"
    )
    parser.add_argument(
        "--first-seed", type=int, default=0, metavar="S", help="seed of their first"
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
        "--test",
        type=int,
        default=0,
        metavar="N",
        help="then export each winner N times, into DIR/exports/*.jsonl; not part of any time",
    )
    parser.add_argument(
        "--last",
        action="store_true",
        help="then train the last generations' networks in full; not part of any time",
    )
    parser.add_argument(
        "--test-epochs", type=int, metavar="N", help="of these exports; default: as export's"
    )
    parser.add_argument(
        "--print",
        action="store_true",
        help="run nothing; print what would follow `mpineat run`, a word a line",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
