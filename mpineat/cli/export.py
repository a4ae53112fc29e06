"""The command `export`: the winner, or another candidate, trained to the end and written."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpineat.cli import numbers
from mpineat.errors import DONE, FAILED, STOPPED, InputError, shown

if TYPE_CHECKING:
    from mpineat.config import Config
    from mpineat.data.dataset import Dataset
    from mpineat.genotype.genes import Hyperparameters
    from mpineat.phenotype.network import Network
    from mpineat.report.overview import Overview
    from mpineat.store import Generation
    from mpineat.tasks import Outcome
    from mpineat.training.export.checkpoint import Asked
    from mpineat.training.export.exported import Exported
    from mpineat.training.export.exporter import Exporter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """The candidate of a run that is exported."""

    view: Overview[Generation]
    outcome: Outcome
    evolved: Hyperparameters | None

    @property
    def full(self) -> Network:
        """As it was assembled."""
        from mpineat.phenotype.network import Network

        return Network.from_json(self.outcome.network_before or {})

    @property
    def run_id(self) -> str:
        """Of its run; "" before the run's first generation has ended."""
        return next((each.run_id for each in self.view.run.generations), "")


def formats() -> Iterable[str]:
    """Return the names of the exporters, those of installed packages among them."""
    from mpineat import registry

    return registry.names("exporter")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add which candidate is trained how long, and what is written."""
    command.add_argument("--candidate", type=int, metavar="ID", help="instead of the winner")
    long = command.add_mutually_exclusive_group()
    long.add_argument("--epochs", type=numbers.positive, metavar="N", help="of the final training")
    long.add_argument(
        "--minutes", type=numbers.minutes, metavar="M", help="as many epochs as there is time for"
    )
    command.add_argument(
        "--validate",
        action="store_true",
        help="keep the validation images back and measure every epoch on them",
    )
    command.add_argument(
        "--resume", action="store_true", help="go on with a training that was stopped, or start it"
    )
    command.add_argument(
        "--seed", type=numbers.seed, metavar="S", help="of its weights; default: run.seed"
    )
    command.add_argument(
        "--gpus",
        type=numbers.positive,
        metavar="N",
        help="of one node, that share every batch; default: one device",
    )
    width = command.add_mutually_exclusive_group()
    widths, meaning = ("full", "compressed"), "as it was born, or as the search trained it"
    width.add_argument("--width", choices=widths, default=widths[0], help=meaning)
    width.add_argument("--flops", type=float, metavar="N", help="the widest within N flops")
    command.add_argument(
        "--batch",
        type=numbers.positive,
        metavar="N",
        help="the model takes N images at once and no other number; onnx and savedmodel",
    )
    command.add_argument("--json", action="store_true", help="say the result as a line of JSON")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)


def command(arguments: argparse.Namespace) -> int:
    """Train the winner, or another candidate, to the end and write it."""
    from mpineat.cluster.stop import Stop

    stop = Stop()
    stop.on_second = lambda: os._exit(STOPPED)
    stop.install()
    from mpineat import registry
    from mpineat.child.keras_settings import onednn
    from mpineat.cli import same_data
    from mpineat.cluster import batch
    from mpineat.data.survey import survey
    from mpineat.genotype.hyperparameters import applied
    from mpineat.log import console
    from mpineat.report.overview import overview
    from mpineat.training.export.exported import export_untrained

    view = overview(arguments.run_dir)
    for problem in view.run.problems:
        print(f"problem: {shown(problem)}", file=sys.stderr)
    config = same_data.moved(view.config, arguments.words, "recipe.", "dataset.train_examples")
    outcome = view.outcome(arguments.candidate)
    genotype = view.candidate(outcome.candidate)
    evolved = genotype.blueprint.training if genotype else None
    chosen = _Chosen(view=view, outcome=outcome, evolved=evolved)
    console.listen(stream=sys.stderr if arguments.json else None)
    stop.limit(*batch.time_limit(None, config.run.grace_seconds))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.update(onednn(config.training, os.environ))
    dataset = None
    gpus: tuple[str, ...] = ()
    with console.hushed():
        exporter = registry.load("exporter", arguments.format)
        if exporter.trains or arguments.flops is not None:
            read = survey(config.dataset)
            same_data.compare(arguments.run_dir, read.fingerprint())
            dataset = read.dataset(config.run.seed)
            from mpineat.training import devices
            from mpineat.training.export import final

            final.claim_device(config.training)
            gpus = devices.gpus(arguments.gpus) if arguments.gpus else ()
    config = applied(evolved, config)
    if dataset is not None and exporter.trains:
        used, there = config.dataset.train_examples, read.header.train_examples
        if used is not None and used < there:
            few = f"{used:,} of {there:,} training images, as in the search"
            log.info("%s; dataset.train_examples=null takes all", few)
        network, exported, described = _trained(
            arguments, chosen, config, dataset, exporter, stop, gpus
        )
    else:
        if arguments.resume:
            raise InputError(f"--resume: --format {exporter.name} trains nothing; leave it out")
        network, described = _network(arguments, chosen, config, dataset, exporter), None
        exported = export_untrained(
            network, output=arguments.output, exporter=exporter, batch=arguments.batch
        )
    _say(arguments, chosen, network, exported, described)
    return FAILED if exported.unmeasured else DONE


def _trained(
    arguments: argparse.Namespace,
    chosen: _Chosen,
    config: Config,
    dataset: Dataset,
    exporter: Exporter,
    stop: Any,
    gpus: tuple[str, ...],
) -> tuple[Network, Exported, Path]:
    """Return the network that was trained, what was written of it, and its card."""
    from mpineat.training.export import card, checkpoint, final

    exporter.examine(arguments.output, arguments.batch)
    keeping = checkpoint.Keeping(arguments.output, _asked(arguments, chosen, config, dataset), stop)
    kept = keeping.find(resume=arguments.resume)
    # A structure learning is not repeated.
    network = kept.network if kept else _network(arguments, chosen, config, dataset, exporter)
    exported = final.export(
        network,
        config,
        dataset,
        output=arguments.output,
        exporter=exporter,
        epochs=arguments.epochs,
        minutes=arguments.minutes,
        validate=arguments.validate,
        batch=arguments.batch,
        seed=arguments.seed,
        keeping=keeping,
        devices=gpus,
    )
    run = chosen.view.run.path
    origin = f"candidate {chosen.outcome.candidate} of the run {run} ({chosen.run_id})"
    return network, exported, card.write(exported, network, config, dataset, exporter, origin)


def _asked(
    arguments: argparse.Namespace, chosen: _Chosen, config: Config, dataset: Dataset
) -> Asked:
    from mpineat.training.export import checkpoint

    words = {
        "run": chosen.run_id,
        "candidate": chosen.outcome.candidate,
        "network": chosen.full.hash(),
        "--width": arguments.width if arguments.flops is None else None,
        "--flops": arguments.flops,
        "--epochs": arguments.epochs,
        "--minutes": arguments.minutes,
        "--validate": arguments.validate or None,
        "run.seed": config.run.seed,
        "--seed": arguments.seed,
    }
    return checkpoint.asked_for(config, dataset.digest, words)


def _network(
    arguments: argparse.Namespace,
    chosen: _Chosen,
    config: Config,
    dataset: Dataset | None,
    exporter: Exporter,
) -> Network:
    """Return the chosen network at the widths that were asked for."""
    from mpineat.phenotype.network import Network

    if dataset is not None and arguments.flops is not None:
        exporter.examine(arguments.output, arguments.batch)  # before the structure learning
        from mpineat.training.export import width

        return width.at_flops(chosen.full, config, dataset, arguments.flops)
    if arguments.width == "compressed":
        return Network.from_json(chosen.outcome.network_after or {})
    return chosen.full


def _say(
    arguments: argparse.Namespace,
    chosen: _Chosen,
    network: Network,
    exported: Exported,
    card: Path | None,
) -> None:
    import json

    from mpineat import metrics, units
    from mpineat.genotype.hyperparameters import described
    from mpineat.phenotype import cost

    metric = chosen.view.config.training.metric
    outcome, flops = chosen.outcome, cost.flops(network)
    if arguments.json:
        print(json.dumps(_measured(chosen, flops, exported)))
        return
    accuracy = (
        f"validation {metrics.TITLES[metric]} {outcome.fitness:.4f} in the search"
        if outcome.fitness is not None
        else f"discarded in the search after {units.plural(len(outcome.curve), 'epoch')}"
    )
    for finalist in chosen.view.finalists:
        if finalist.found == outcome and finalist.mean is not None:
            accuracy += f", {finalist.mean:.4f} in its final"
    print(f"candidate {outcome.candidate}, {accuracy}")
    share = units.share(flops / cost.flops(chosen.full))
    print(f"exported at {units.count(flops)} flops, {share} of its full width's")
    if chosen.evolved is not None:
        print(f"evolved training: {described(chosen.evolved)}")
    told = str(exported) if card is None else f"{exported}\nall of this, and how to load it: {card}"
    print("\n".join(map(shown, told.split("\n"))))


def _measured(chosen: _Chosen, flops: int, exported: Exported) -> dict[str, Any]:
    """Return what `summarize --exports` reads."""
    from mpineat.experiments.exports import FORMAT

    return {
        "format": FORMAT,
        "format_version": 1,
        "run_dir": str(chosen.view.run.path),
        "run_id": chosen.run_id,
        "candidate": chosen.outcome.candidate,
        "flops": flops,
        "seed": exported.seed,
        "epochs": exported.epochs,
        "seconds": exported.seconds,
        "test_accuracy": exported.test_accuracy,
        "test_balanced_accuracy": exported.confusion and exported.confusion.balanced_accuracy,
        "test_macro_f1": exported.confusion and exported.confusion.macro_f1,
        "test_examples": exported.test_examples,
        "class_names": exported.class_names,
        "confusion": exported.confusion and exported.confusion.counts.tolist(),
        "output": str(exported.output),
    }
