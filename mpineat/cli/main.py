"""The command line: arguments in, exit code out. A command loads only the rooms that it needs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mpineat import __version__
from mpineat.cli.completion import SHELLS, PrintCompletion
from mpineat.cluster import launcher
from mpineat.errors import DONE, FAILED, STOPPED, USAGE, InputError, StorageError, complain, extra

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

OF_NO_COMMAND = ("-h", "--help", "--version", "--print-completion")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 done, 1 failed, 2 usage or input, 75 stopped."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0].startswith("-") and words[0] not in OF_NO_COMMAND):
        words.insert(0, "run")  # `python -m mpineat` searches with the embedded configuration
    try:
        with launcher.said_once():
            arguments = _parse(words)
        return int(arguments.command(arguments))
    except InputError as error:
        return complain(error, USAGE)
    except StorageError as error:
        return complain(error, FAILED)
    except BrokenPipeError:  # `mpineat status RUN | head`
        sys.stderr.close()
        return DONE
    except KeyboardInterrupt:
        return 130


def _parse(words: list[str]) -> argparse.Namespace:
    """Parse, with words allowed behind the flags too; argparse alone refuses those."""
    top = parser()
    arguments, behind = top.parse_known_args(words)
    unknown = [word for word in behind if word.startswith("-") or "words" not in arguments]
    if unknown:
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    if behind:
        arguments.words += behind
    return arguments


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
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = _command(
        commands,
        "run",
        _run,
        "search",
        "mpirun -np 3 python -m mpineat run configs/digits.yaml runs/two evolution.generations=2",
    )
    _words(run, "[CONFIG] [RUN_DIR] [section.option=value ...]")
    run.add_argument("--resume", action="store_true", help="continue RUN_DIR, or start it")
    run.add_argument("-v", "--verbose", action="store_true", help="log every candidate")

    check = _command(
        commands,
        "check",
        _check,
        "explain a configuration and try its search space",
        "python -m mpineat check configs/digits.yaml training.epochs=3",
    )
    _words(check, "[CONFIG] [section.option=value ...]")
    check.add_argument("--build", action="store_true", help="build the extremes in Keras")
    check.add_argument("--options", action="store_true", help="list all options and end")

    status = _command(
        commands,
        "status",
        _status,
        "show how far a run is; safe beside a running job",
        "python -m mpineat status runs/digits-s0",
    )
    status.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    status.add_argument("--json", action="store_true", help="for scripts")
    status.add_argument("--follow", action="store_true", help="until the run ends")

    report = _command(
        commands,
        "report",
        _report,
        "write one HTML page about a run",
        "python -m mpineat report runs/digits-s0",
    )
    report.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    report.add_argument("-o", "--output", type=Path, metavar="FILE", help="RUN_DIR/report.html")

    export = _command(
        commands,
        "export",
        _export,
        "train the winner to the end and write it as a model",
        "python -m mpineat export runs/digits-s0 --format keras -o digits.keras",
    )
    export.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    export.add_argument("--candidate", type=int, metavar="ID", help="instead of the winner")
    export.add_argument("--epochs", type=int, metavar="N", help="of the final training")
    export.add_argument(
        "--format", choices=("keras", "savedmodel", "onnx", "json"), default="keras"
    )
    export.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)

    data = _command(
        commands,
        "data",
        _data,
        "fetch a data set, or say which files to put where",
        "python -m mpineat data cifar10 data/cifar10",
    )
    data.add_argument("name", metavar="NAME")
    data.add_argument("folder", type=Path, metavar="DIR")
    return top


def _command(
    commands: Commands,
    name: str,
    function: Callable[[argparse.Namespace], int],
    meaning: str,
    example: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
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


def _sort(words: Sequence[str], most: int) -> tuple[list[Path], list[str]]:
    """Tell paths from section.option=value words."""
    paths = [Path(word) for word in words if "=" not in word]
    if len(paths) > most:
        raise InputError(f"command line: {str(paths[most])!r}: expected section.option=value")
    return paths, [word for word in words if "=" in word]


def _run(arguments: argparse.Namespace) -> int:
    from mpineat.cluster.stop import Stop

    # Before all that takes its time, numpy and MPI among it: a job can be stopped in its first
    # second.
    stopping = Stop()
    stopping.on_second = lambda: os._exit(STOPPED)
    stopping.install()
    from mpineat.cli.run import Request, launch
    from mpineat.config import yaml_file

    paths, overrides = _sort(arguments.words, most=2)
    return launch(
        Request(
            config_path=paths[0] if paths else yaml_file.embedded_config(),
            overrides=overrides,
            run_dir=paths[1] if len(paths) > 1 else None,
            resume=arguments.resume,
            verbose=arguments.verbose,
        ),
        stopping,
    )


def _check(arguments: argparse.Namespace) -> int:
    from mpineat.cli import check
    from mpineat.config import yaml_file

    if arguments.options:
        print("\n".join(check.option_lines()).lstrip())
        return DONE
    paths, overrides = _sort(arguments.words, most=1)
    config = yaml_file.load(paths[0] if paths else yaml_file.embedded_config(), overrides)
    for line in check.explain(config, build=arguments.build):
        print(line)
    return DONE


def _status(arguments: argparse.Namespace) -> int:
    import json

    from mpineat.report import status

    if arguments.json:
        print(json.dumps(status.as_json(arguments.run_dir), indent=1))
    elif arguments.follow:
        for text in status.follow(arguments.run_dir):
            print(text, flush=True)
    else:
        print(status.table(arguments.run_dir))
    return DONE


def _report(arguments: argparse.Namespace) -> int:
    with extra("report"):
        from mpineat.report import page

    print(f"wrote {page.write(arguments.run_dir, arguments.output)}")
    return DONE


def _export(arguments: argparse.Namespace) -> int:
    from mpineat.genotype.hyperparameters import applied, described
    from mpineat.log import console
    from mpineat.phenotype.network import Network
    from mpineat.report.overview import overview

    view = overview(arguments.run_dir)
    outcome = view.outcome(arguments.candidate)
    genotype = view.candidate(outcome.candidate)
    evolved = genotype.blueprint.training if genotype else None
    console.listen()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with console.hushed():
        from mpineat.training.export import export

    exported = export.export(
        Network.from_json(outcome.network_after or {}),
        applied(evolved, view.config),
        output=arguments.output,
        format=arguments.format,
        epochs=arguments.epochs,
    )
    accuracy = f"validation accuracy {outcome.accuracy:.4f} in the search"
    print(f"candidate {outcome.candidate}, {accuracy}")
    if evolved is not None:
        print(f"evolved training: {described(evolved)}")
    print(exported)
    return DONE


def _data(arguments: argparse.Namespace) -> int:
    from mpineat.data import download

    for line in download.fetch(arguments.name, arguments.folder):
        print(line)
    return DONE
