"""The arguments of all commands; nothing is loaded for them but the names of the commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from mpineat import __version__
from mpineat.cli import commands, job
from mpineat.cli import export as export_command
from mpineat.cli.choices import Choices
from mpineat.cli.completion import SHELLS, PrintCompletion
from mpineat.cli.numbers import positive

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; shell completion is made from it."""
    top = argparse.ArgumentParser(
        prog="mpineat",
        description="Search for deep network architectures: CoDeepNEAT with MorphNet over MPI.",
        epilog="Without a command: the search with the embedded configuration, digits.",
    )
    top.add_argument("--version", action="version", version=f"mpineat {__version__}")
    top.add_argument(
        "--print-completion",
        action=PrintCompletion,
        choices=SHELLS,
        help="print a completion script for this shell and end",
    )
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_run, _check, _status, _results, _report, _export, _summarize, _data, _job):
        add(subparsers)
    return top


def _run(subparsers: Subparsers) -> None:
    run = _command(
        subparsers,
        "run",
        commands.run,
        "search",
        "mpirun -np 3 python -m mpineat run configs/digits.yaml runs/two evolution.generations=2",
    )
    _words(run, "[CONFIG] [RUN_DIR] [section.option=value ...]")
    run.add_argument("--resume", action="store_true", help="continue RUN_DIR, or start it")
    run.add_argument(
        "--accept-damage",
        action="store_true",
        help="where the newest generation's file is damaged: set it aside, repeat the generation",
    )
    run.add_argument(
        "--steal-lock",
        action="store_true",
        help="take RUN_DIR over from a process that is certainly gone",
    )
    run.add_argument("-v", "--verbose", action="store_true", help="log every candidate")


def _check(subparsers: Subparsers) -> None:
    check = _command(
        subparsers,
        "check",
        commands.check,
        "explain a configuration and try its search space",
        "python -m mpineat check configs/digits.yaml training.epochs=3",
    )
    _words(check, "[CONFIG] [section.option=value ...]")
    check.add_argument("--build", action="store_true", help="build the extremes in Keras")
    check.add_argument(
        "--sheet", type=Path, metavar="FILE.png", help="draw some images of each class"
    )
    check.add_argument("--options", action="store_true", help="list all options and end")


def _status(subparsers: Subparsers) -> None:
    status = _command(
        subparsers,
        "status",
        commands.status,
        "show how far a run is; safe beside a running job",
        "python -m mpineat status runs/digits-s0",
    )
    _run_dir(status)
    status.add_argument("--json", action="store_true", help="for scripts")
    status.add_argument("--follow", action="store_true", help="until the run ends")


def _results(subparsers: Subparsers) -> None:
    results = _command(
        subparsers,
        "results",
        commands.results,
        "print a row for each evaluated candidate; safe beside a running job",
        "python -m mpineat results runs/digits-s0 --format csv --sort accuracy",
    )
    _run_dir(results)
    _format(results, commands.results_formats, "table", "csv and json hold every column")
    results.add_argument(
        "--sort",
        metavar="COLUMN",
        help="highest first for accuracy, else lowest first; a row without a value comes last",
    )
    results.add_argument("--reverse", action="store_true", help="the other way round")


def _report(subparsers: Subparsers) -> None:
    report = _command(
        subparsers,
        "report",
        commands.report,
        "write one HTML page about a run",
        "python -m mpineat report runs/digits-s0",
    )
    _run_dir(report)
    _moved(report)
    report.add_argument("-o", "--output", type=Path, metavar="FILE", help="RUN_DIR/report.html")


def _export(subparsers: Subparsers) -> None:
    export = _command(
        subparsers,
        "export",
        export_command.command,
        "train the winner to the end and write it as a model",
        "python -m mpineat export runs/digits-s0 --format keras -o digits.keras",
    )
    _run_dir(export)
    _moved(export, ", recipe.option=value, dataset.train_examples=N (null: all that there are)")
    _format(export, export_command.formats, "keras", "json is the architecture alone")
    export_command.add_arguments(export)


def _summarize(subparsers: Subparsers) -> None:
    summarize = _command(
        subparsers,
        "summarize",
        commands.summarize,
        "compare runs with and without compression: the thesis's tables 1-3 and figures",
        "python -m mpineat summarize runs/digits-s0 --format md",
    )
    summarize.add_argument(
        "run_dirs",
        nargs="+",
        type=Path,
        metavar="RUN_DIR",
        help="a run directory, or a folder of run directories",
    )
    _format(summarize, commands.summarize_formats, "text", "csv is one line a figure")
    summarize.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="also draw the figures, as SVG and PDF, into DIR (extra report)",
    )
    summarize.add_argument(
        "--generations",
        type=positive,
        metavar="N",
        help="compare the first N generations, as if no more had been planned",
    )
    summarize.add_argument(
        "--groups", action="store_true", help="another table: plain, compressed and default runs"
    )
    summarize.add_argument(
        "--exports",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="with --groups: lines of `mpineat export --json`, the winners' test accuracies",
    )


def _data(subparsers: Subparsers) -> None:
    data = _command(
        subparsers,
        "data",
        commands.data,
        "fetch a data set, or say which files to put where",
        "python -m mpineat data cifar10 data/cifar10",
    )
    data.add_argument("name", metavar="NAME")
    data.add_argument("folder", type=Path, metavar="DIR")


def _job(subparsers: Subparsers) -> None:
    command = _command(
        subparsers,
        "job",
        job.command,
        "print a job file for a batch system",
        "python -m mpineat job configs/cifar10.yaml --system slurm -o cifar10.slurm",
    )
    command.add_argument("config", nargs="?", type=Path, metavar="CONFIG")
    command.add_argument(
        "--system", choices=Choices(job.systems), metavar="NAME", help="%(choices)s"
    )
    job.add_arguments(command)


def _command(
    subparsers: Subparsers,
    name: str,
    function: Callable[[argparse.Namespace], int],
    meaning: str,
    example: str,
) -> argparse.ArgumentParser:
    command = subparsers.add_parser(
        name,
        help=meaning,
        description=f"Example:\n  {example}\n\n{meaning[0].upper()}{meaning[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=function)
    return command


def _words(command: argparse.ArgumentParser, metavar: str) -> None:
    command.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help=f"{metavar}; without CONFIG: the embedded digits",
    )


def _run_dir(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_dir", type=Path, metavar="RUN_DIR")


def _moved(command: argparse.ArgumentParser, others: str = "") -> None:
    meaning = f"where the run's data lie now{others}"
    command.add_argument("words", nargs="*", metavar="dataset.path=PATH", help=meaning)


def _format(
    command: argparse.ArgumentParser,
    names: Callable[[], Iterable[str]],
    default: str,
    remark: str,
) -> None:
    command.add_argument(
        "--format",
        choices=Choices(names),
        default=default,
        metavar="FORMAT",
        help=f"%(choices)s; default %(default)s; {remark}",
    )
