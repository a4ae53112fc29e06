#!/usr/bin/env python3
"""Print the thesis's tables 1-3 over runs with and without compression, and draw its figures.

Example:
    python tools/summarize.py runs/cifar10-* --format md --figures figures
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this checkout, installed or not

from mpineat.errors import InputError
from mpineat.experiments.comparison import Summary, compare
from mpineat.experiments.formats import FORMATS
from mpineat.experiments.runs import read_experiments


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        summary = summarize(arguments.runs, arguments.generations)
        text = FORMATS[arguments.format](summary)
        if arguments.figures is not None:
            _draw(summary, arguments.figures)
    except (InputError, OSError) as error:
        print(f"summarize: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    sys.stdout.write(text)
    return 0


def summarize(paths: Sequence[Path], generations: int | None = None) -> Summary:
    """Read and compare the runs at or below `paths`, all of them or the first `generations`.

    Raises:
        InputError: There is no run at all.
    """
    experiments, left_out = read_experiments(paths)
    if not experiments:
        raise InputError("\n".join(left_out) or "no run given")
    if generations is not None:
        experiments = tuple(experiment.first(generations) for experiment in experiments)
    return Summary(compare(experiments), left_out)


def _draw(summary: Summary, folder: Path) -> None:
    try:
        from mpineat.experiments.figures import write_figures
    except ImportError as error:
        raise InputError(
            f"--figures needs matplotlib: pip install 'mpineat[report]' ({error})"
        ) from error
    for path in write_figures(summary.comparisons, folder):
        print(path, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN_DIR",
        help="a run directory, or a folder of run directories",
    )  # fmt: skip
    parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    parser.add_argument(
        "--figures", type=Path, metavar="DIR",
        help="also draw the figures, as SVG and PDF, into DIR (needs matplotlib)",
    )  # fmt: skip
    parser.add_argument(
        "--generations", type=int, metavar="N",
        help="compare the first N generations, as if no more had been planned",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
