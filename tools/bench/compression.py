"""Compare the rules of compression in pairs: the same network, the same seed, the same training.

Every finished training is a line of the output file, and a second call goes on where the first one
stopped, so that the whole comparison can be spread over short jobs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.overhead import overhead

from mpineat.config import Compression, Config, Dataset, Evolution, SearchSpace, Training
from mpineat.phenotype.cost import flops
from mpineat.phenotype.network import Network

SPACES = {
    # The thesis's two search spaces (section 6.2).
    "small": SearchSpace(),
    "large": SearchSpace(
        filters=(16, 128),
        kernel_sizes=(2, 4, 7, 9, 11, 13),
        dense_layers=2,
        dense_units=(32, 128),
    ),
}
POPULATIONS = 50  # of which networks are taken
BUDGETED = ("budget", "elastic", "uniform", "random")  # rules that --targets apply to


def main(argv: list[str]) -> int:
    """Measure what is missing in the output file, then print the comparison."""
    options = _parser().parse_args(argv)
    if options.overhead:
        for line in overhead(*load(options), options):
            print(line, flush=True)
        return 0
    rows = [json.loads(line) for line in _lines(options.output)]
    done = {_key(row) for row in rows}
    end = time.monotonic() + 60 * options.minutes
    with options.output.open("a") as file:
        for row in _measure(options, done, end):
            file.write(json.dumps(row) + "\n")
            file.flush()
            rows.append(row)
    asked = [row for row in rows if (row["data"], row["space"]) == (options.data, options.space)]
    for target in options.targets:
        for line in _table([row for row in asked if row["target"] in (None, target)], target):
            print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmark.py compression", description=__doc__)
    parser.add_argument("--data", default="digits", help="digits, mnist, cifar10, ...")
    parser.add_argument("--path", help="folder of the data set's files")
    parser.add_argument(
        "--space", choices=SPACES, default="small", help="search space of the thesis"
    )
    parser.add_argument("--networks", type=int, default=8)
    parser.add_argument("--first", type=int, default=0, help="skip so many networks")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--targets", type=float, nargs="+", default=[0.35, 0.15])
    parser.add_argument(
        "--rules", nargs="+", default=["none", "uniform", "random", "budget", "thesis"]
    )
    parser.add_argument("--examples", type=int, help="training images")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--structure-epochs", type=float, default=Compression().epochs)
    parser.add_argument("--max-flops", type=float, default=1e9, help="take only networks below")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="start no training after so long"
    )
    parser.add_argument("--overhead", action="store_true", help="time the regulariser instead")
    parser.add_argument("--output", type=Path, default=Path("compression.jsonl"))
    return parser


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["data"], row["space"], row["network"], row["seed"], row["rule"], row["target"]


def _config(options: argparse.Namespace) -> Config:
    return Config(
        dataset=Dataset(name=options.data, path=options.path, train_examples=options.examples),
        search_space=SPACES[options.space].model_copy(update={"max_flops": options.max_flops}),
        evolution=Evolution(modules=30, blueprints=20),
        training=Training(epochs=options.epochs, threads=options.threads),
    )


def load(options: argparse.Namespace) -> tuple[list[Network], Any, Config]:
    import tensorflow as tf

    from mpineat.data.dataset import open_dataset
    from mpineat.training import fit

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    config = _config(options)
    data = fit.load(open_dataset(config.dataset, seed=0), config.dataset)
    return _networks(config, options.first + options.networks), data, config


def _networks(config: Config, count: int) -> list[Network]:
    """Return different networks of first generations, the same ones first however many."""
    from mpineat.cli.check import sample
    from mpineat.data.dataset import describe

    found: dict[Network, None] = {}
    for seed in range(POPULATIONS):
        run = config.run.model_copy(update={"seed": seed})
        population = sample(config.model_copy(update={"run": run}), describe(config.dataset))
        found |= dict.fromkeys(population)
        if len(found) >= count:
            return list(found)[:count]
    raise SystemExit(
        f"{POPULATIONS} first generations hold {len(found)} different networks below --max-flops,"
        f" not {count}: raise it, or ask for fewer"
    )


def _measure(
    options: argparse.Namespace, done: set[tuple[Any, ...]], end: float
) -> Iterator[dict[str, Any]]:
    networks, data, config = load(options)
    for index in range(options.first, options.first + options.networks):
        for seed in range(options.seeds):
            for rule in options.rules:
                for target in options.targets if rule in BUDGETED else [None]:
                    row = {
                        "data": options.data,
                        "space": options.space,
                        "network": index,
                        "seed": seed,
                        "rule": rule,
                        "target": target,
                    }
                    if _key(row) in done:
                        continue
                    if time.monotonic() > end:
                        return
                    yield row | _train(networks[index], data, config, row, options)


def _train(
    network: Network,
    data: Any,
    config: Config,
    row: dict[str, Any],
    options: argparse.Namespace,
) -> dict[str, Any]:
    from tensorflow import keras

    from mpineat.training import fit, model
    from mpineat.training.compression.structure import compress

    seed = 1000 * row["network"] + row["seed"]
    settings = {"seed": seed, "batch_size": config.training.batch_size}
    after, structure_seconds, before_ms = network, 0.0, 0.0
    if row["rule"] != "none":
        compression = _compression(row, options)
        learned = compress(
            network, data, config.model_copy(update={"compression": compression}), **settings
        )
        after, structure_seconds = learned.network, learned.seconds
        before_ms = 1000 * learned.record.step_seconds[0]
    built = model.build(after, seed)
    history = fit.train(
        built,
        data,
        epochs=options.epochs,
        training=config.training,
        validate=False,
        **settings,
    )
    loss, accuracy, *_ = fit.evaluator(built, data.validation, 500)()
    keras.backend.clear_session()
    return {
        "flops_before": flops(network),
        "flops_after": flops(after),
        "accuracy": accuracy,
        "loss": loss,
        "structure_seconds": structure_seconds,
        "train_seconds": history.train_seconds,
        "build_seconds": history.build_seconds,
        "before_ms": before_ms,
        "after_ms": 1000 * history.step_seconds,
        "widths": {layer.name: layer.width for layer in after.layers if layer.width is not None},
    }


def _compression(row: dict[str, Any], options: argparse.Namespace) -> Compression:
    if row["rule"] == "thesis":
        return Compression(preset="thesis")
    return Compression(
        rule=row["rule"], target_flops=row["target"], epochs=options.structure_epochs
    )


def _table(rows: list[dict[str, Any]], target: float) -> Iterator[str]:
    """Yield a line for each rule: means over networks, each the mean over its seeds."""
    rules = sorted(
        {row["rule"] for row in rows}, key=lambda rule: (rule not in ("none", "uniform"), rule)
    )
    by_rule = {rule: _accuracies(rows, rule) for rule in rules}
    yield f"flops x{target:g}; accuracy in %, differences in points +- standard error over networks"
    yield (
        "rule      runs   flops  accuracy      - uncompressed       - uniform      worst"
        "  structure s  train s  step ms"
    )
    for rule in rules:
        own = [row for row in rows if row["rule"] == rule]
        mean = {
            name: statistics.fmean(row[name] for row in own)
            for name in ("accuracy", "structure_seconds", "train_seconds", "after_ms")
        }
        ratio = statistics.fmean(row["flops_after"] / row["flops_before"] for row in own)
        uniform, worst = _difference(by_rule[rule], by_rule.get("uniform", {}))
        full, _ = _difference(by_rule[rule], by_rule.get("none", {}))
        yield (
            f"{rule:8}  {len(own):4}  {ratio:6.3f}  {100 * mean['accuracy']:8.2f}  {full:>17}"
            f"  {uniform:>14}  {worst:>9}  {mean['structure_seconds']:11.1f}"
            f"  {mean['train_seconds']:7.1f}  {mean['after_ms']:7.1f}"
        )


def _accuracies(rows: list[dict[str, Any]], rule: str) -> dict[tuple[Any, ...], float]:
    return {
        (row["data"], row["space"], row["network"], row["seed"]): row["accuracy"]
        for row in rows
        if row["rule"] == rule
    }


def _difference(
    own: dict[tuple[Any, ...], float], other: dict[tuple[Any, ...], float]
) -> tuple[str, str]:
    """Return the mean difference with its standard error over networks, and the worst network's."""
    by_network: dict[tuple[Any, ...], list[float]] = {}
    for key in own.keys() & other.keys():
        by_network.setdefault(key[:3], []).append(100 * (own[key] - other[key]))
    means = [statistics.fmean(found) for found in by_network.values()]
    if len(means) < 2:
        return "-", "-"
    error = statistics.stdev(means) / len(means) ** 0.5
    return f"{statistics.fmean(means):+.2f} +- {error:.2f}", f"{min(means):+.2f}"
