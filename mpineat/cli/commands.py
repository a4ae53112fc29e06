"""The commands: each takes its parsed arguments, loads what it needs and returns an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from mpineat.errors import DONE, STOPPED, InputError, StorageError, extra, shown


def run(arguments: argparse.Namespace) -> int:
    """Search, or take part in a search as a worker."""
    from mpineat.cluster.stop import Stop

    # Before all that takes its time, numpy and MPI among it: a job can be stopped in its first
    # second.
    stopping = Stop()
    stopping.on_second = lambda: os._exit(STOPPED)
    stopping.install()
    from mpineat.cli.run import Request, launch
    from mpineat.config import yaml_file

    paths, overrides = _sort(arguments.words, most=2)
    code = launch(
        Request(
            config_path=paths[0] if paths else yaml_file.embedded_config(),
            overrides=overrides,
            run_dir=paths[1] if len(paths) > 1 else None,
            resume=arguments.resume,
            accept_damage=arguments.accept_damage,
            steal_lock=arguments.steal_lock,
            verbose=arguments.verbose,
        ),
        stopping,
    )
    stopping.over()
    return code


def check(arguments: argparse.Namespace) -> int:
    """Explain a configuration, or list the options."""
    from mpineat.cli import check
    from mpineat.config import yaml_file
    from mpineat.log import console

    if arguments.options:
        print("\n".join(check.option_lines()).lstrip())
        return DONE
    console.listen()  # the progress of what takes long: image files that nobody has decoded yet
    paths, overrides = _sort(arguments.words, most=1)
    config = yaml_file.load(paths[0] if paths else yaml_file.embedded_config(), overrides)
    for line in check.explain(config, build=arguments.build, sheet=arguments.sheet):
        _say(line)
    return DONE


def status(arguments: argparse.Namespace) -> int:
    """Say how far a run is."""
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


def results_formats() -> Iterable[str]:
    """Return the names of the formats of `results`."""
    from mpineat.report.results_formats import FORMATS

    return FORMATS


def results(arguments: argparse.Namespace) -> int:
    """Print a row for each evaluated candidate; problems go to standard error."""
    from mpineat.report.results import open_run
    from mpineat.report.results_formats import FORMATS

    found = open_run(arguments.run_dir)
    columns = found.table(sort=arguments.sort, reverse=arguments.reverse)
    sys.stdout.write(FORMATS[arguments.format](columns))
    for problem in found.problems:
        print(f"problem: {shown(problem)}", file=sys.stderr)
    return DONE


def report(arguments: argparse.Namespace) -> int:
    """Write the HTML page."""
    from dataclasses import replace

    from mpineat.cli import same_data
    from mpineat.report.overview import overview

    with extra("report"):
        from mpineat.report import page

    view = overview(arguments.run_dir)
    view = replace(view, config=same_data.moved(view.config, arguments.words))
    print(shown(f"wrote {page.write(view, arguments.output)}"))
    return DONE


def summarize_formats() -> Iterable[str]:
    """Return the names of the formats of `summarize`."""
    from mpineat.experiments.formats import FORMATS

    return FORMATS


def summarize(arguments: argparse.Namespace) -> int:
    """Compare runs with and without compression; the figures' names go to standard error."""
    from mpineat.experiments import groups, thesis
    from mpineat.experiments.comparison import Summary, compare
    from mpineat.experiments.exports import read_exports
    from mpineat.experiments.formats import FORMATS
    from mpineat.experiments.runs import read_experiments

    if arguments.exports and not arguments.groups:
        raise InputError("--exports: only the table of --groups has test accuracies")
    experiments, left_out = read_experiments(arguments.run_dirs)
    if not experiments:
        raise InputError(*left_out)
    if arguments.generations is not None:
        experiments = tuple(each.first(arguments.generations) for each in experiments)
    if arguments.groups:
        exports = read_exports(arguments.exports)
        found = groups.groups(experiments, exports)
        sys.stdout.write(FORMATS[arguments.format](groups.report(found, exports, left_out)))
        return DONE
    summary = Summary(compare(experiments), left_out)
    if arguments.figures is not None:
        with extra("report"):
            from mpineat.experiments.figures import write_figures
        try:
            written = write_figures(summary.comparisons, arguments.figures)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"{arguments.figures}: cannot be written: {reason}") from error
        for path in written:
            print(shown(str(path)), file=sys.stderr)
    sys.stdout.write(FORMATS[arguments.format](thesis.report(summary)))
    return DONE


def data(arguments: argparse.Namespace) -> int:
    """Fetch a data set, or say which files to put where."""
    from mpineat.data import download

    for line in download.fetch(arguments.name, arguments.folder):
        _say(line)
    return DONE


def _say(text: str) -> None:
    """Print lines whose names, of files and of classes, may come from other people."""
    print("\n".join(map(shown, text.split("\n"))))


def _sort(words: Sequence[str], most: int) -> tuple[list[Path], list[str]]:
    """Tell paths from section.option=value words; no option has a slash before its `=`."""
    options = [word for word in words if "=" in word and "/" not in word.partition("=")[0]]
    paths = [Path(word) for word in words if word not in options]
    if len(paths) > most:
        raise InputError(f"command line: {str(paths[most])!r}: expected section.option=value")
    return paths, options
