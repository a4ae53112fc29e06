"""The commands: each takes its parsed arguments, loads what it needs and returns an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpineat.errors import DONE, FAILED, STOPPED, InputError, StorageError, extra, shown

if TYPE_CHECKING:
    from mpineat.report.overview import Overview
    from mpineat.store import Generation
    from mpineat.tasks import Outcome
    from mpineat.training.export.exported import Exported


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
    return launch(
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


def export_formats() -> Iterable[str]:
    """Return the names of the exporters, those of installed packages among them."""
    from mpineat import registry

    return registry.names("exporter")


def export(arguments: argparse.Namespace) -> int:
    """Train the winner, or another candidate, to the end and write it."""
    import json

    from mpineat import registry, units
    from mpineat.child.keras_settings import onednn
    from mpineat.cli import same_data
    from mpineat.data.survey import survey
    from mpineat.genotype.hyperparameters import applied, described
    from mpineat.log import console
    from mpineat.phenotype import cost
    from mpineat.phenotype.network import Network
    from mpineat.report.overview import overview
    from mpineat.training.export.exported import export_untrained

    view = overview(arguments.run_dir)
    for problem in view.run.problems:
        print(f"problem: {shown(problem)}", file=sys.stderr)
    config = same_data.moved(view.config, arguments.words)
    outcome = view.outcome(arguments.candidate)
    genotype = view.candidate(outcome.candidate)
    evolved = genotype.blueprint.training if genotype else None
    console.listen(stream=sys.stderr if arguments.json else None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(onednn(config.training, os.environ))
    dataset = None
    with console.hushed():
        exporter = registry.load("exporter", arguments.format)
        if exporter.trains or arguments.flops is not None:
            read = survey(config.dataset)
            same_data.compare(arguments.run_dir, read.fingerprint())
            dataset = read.dataset(config.run.seed)
            from mpineat.training.export import final, width

    config = applied(evolved, config)
    full = Network.from_json(outcome.network_before or {})
    network = full
    if dataset is not None and arguments.flops is not None:
        exporter.examine(arguments.output, arguments.batch)  # before the structure learning
        network = width.at_flops(full, config, dataset, arguments.flops)
    elif arguments.width == "compressed":
        network = Network.from_json(outcome.network_after or {})
    how = {"output": arguments.output, "exporter": exporter, "batch": arguments.batch}
    if dataset is not None and exporter.trains:
        exported = final.export(
            network, config, dataset, epochs=arguments.epochs, seed=arguments.seed, **how
        )
    else:
        exported = export_untrained(network, **how)
    code = FAILED if exported.unmeasured else DONE
    if arguments.json:
        print(json.dumps(_measured(view, outcome, cost.flops(network), exported)))
        return code
    accuracy = (
        f"validation accuracy {outcome.accuracy:.4f} in the search"
        if outcome.accuracy is not None
        else f"discarded in the search after {units.plural(len(outcome.curve), 'epoch')}"
    )
    for finalist in view.finalists:
        if finalist.found == outcome and finalist.mean is not None:
            accuracy += f", {finalist.mean:.4f} in its final"
    print(f"candidate {outcome.candidate}, {accuracy}")
    flops, most = cost.flops(network), cost.flops(full)
    print(
        f"exported at {units.count(flops)} flops, {units.share(flops / most)} of its full width's"
    )
    if evolved is not None:
        print(f"evolved training: {described(evolved)}")
    _say(str(exported))
    return code


def _measured(
    view: Overview[Generation], outcome: Outcome, flops: int, exported: Exported
) -> dict[str, Any]:
    """Return what `summarize --exports` reads."""
    from mpineat.experiments.exports import FORMAT

    return {
        "format": FORMAT,
        "format_version": 1,
        "run_dir": str(view.run.path),
        "run_id": view.run.generations[0].run_id if view.run.generations else "",
        "candidate": outcome.candidate,
        "flops": flops,
        "seed": exported.seed,
        "epochs": exported.epochs,
        "seconds": exported.seconds,
        "test_accuracy": exported.test_accuracy,
        "test_examples": exported.test_examples,
        "class_names": exported.class_names,
        "confusion": exported.confusion and exported.confusion.counts.tolist(),
        "output": str(exported.output),
    }


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
