"""Strategies compared without training: `python tools/benchmark.py strategies [PART] [options]`.

    compare     search with every strategy, many seeds, on a surrogate of real trainings (default)
    validate    say how well the surrogate predicts trainings that it was not fitted to
    gather      train networks for a table: hours of a core, once
    tabulate    make a table of what was gathered
    pace        measure the processor time of a proposal, after up to 5,000 outcomes

A search sees what one training would give, chance included. It is judged by what its incumbent, the
network of the best accuracy seen, gives in the mean. Every candidate counts as an evaluation, one
that repeats a known network too.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from bench import strategies_pace, trainings_gather
from bench.strategies_shown import AT, Found, draw, tables
from bench.surrogate import (
    TABLES,
    Surrogate,
    Table,
    expit,
    features,
    held_out,
    logit,
    rank_correlation,
)
from bench.trainings_gather import building

from mpineat import registry
from mpineat.config import Config, yaml_file
from mpineat.errors import InputError
from mpineat.evolution.state import Result
from mpineat.evolution.strategy import select
from mpineat.novelty import Novelty
from mpineat.phenotype import cost
from mpineat.phenotype.network import Network
from mpineat.tasks import Outcome


def main(argv: list[str]) -> int:
    """Run the part asked for."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py strategies",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(dest="part")
    gather = parts.add_parser("gather", help=trainings_gather.__doc__)
    trainings_gather.add_options(gather)
    tabulate = parts.add_parser("tabulate")
    tabulate.add_argument("record", type=Path)
    tabulate.add_argument("table", type=Path)
    pace = parts.add_parser("pace", help=strategies_pace.__doc__)
    strategies_pace.add_options(pace)
    validate = parts.add_parser("validate")
    comparing = parts.add_parser("compare")
    for part in (validate, comparing, parser):
        part.add_argument("--data", default="cifar10", help="a table of tools/bench/trainings")
    for part in (comparing, parser):
        # A surrogate has no weights, which are what morphism lives on.
        names = [name for name in registry.names("strategy") if name != "morphism"]
        part.add_argument("--strategies", default=",".join(names))
        part.add_argument("--seeds", type=int, default=30)
        part.add_argument("--first-seed", type=int, default=0)
        part.add_argument("--evaluations", type=int, default=max(AT))
        part.add_argument("--output", type=Path, default=Path("runs/benchmark-strategies"))
        part.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of all runs")
    options = parser.parse_args(argv)
    if options.part == "gather":
        trainings_gather.run(options)
    elif options.part == "pace":
        strategies_pace.run(options)
    elif options.part == "tabulate":
        tabulated(options.record, options.table)
    elif options.part == "validate":
        print(validated(Table.read(TABLES / f"{options.data}.csv")))
    else:
        compare(options)
    return 0


def tabulated(record: Path, table: Path) -> None:
    """Write what a table holds of the trainings in `record`; failures are left out."""
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    rows = [
        {"network": line["hash"], "accuracy": line["accuracy"]}
        | features(Network.from_json(line["network"]))
        for line in lines
        if line["accuracy"] is not None
    ]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {k: v if isinstance(v, str) else f"{float(v):.5g}" for k, v in row.items()}
            )


def validated(table: Table) -> str:
    """Return how well networks are predicted by models that never saw them."""
    accuracies, predicted = held_out(table)
    usual = np.median(accuracies)
    chance = expit(logit(usual) + table.deviations) - usual
    again = len(table.networks) - len(set(table.networks))
    error = np.sqrt(np.mean((accuracies - predicted) ** 2))
    good = accuracies >= usual
    return (
        f"{len(table.networks)} trainings of {len(set(table.networks))} networks, accuracies "
        f"{accuracies.min():.3f} to {accuracies.max():.3f}, median {usual:.3f}\n"
        f"held out, 10 folds: rank correlation {rank_correlation(accuracies, predicted):.2f}, of "
        f"the better half {rank_correlation(accuracies[good], predicted[good]):.2f}; error "
        f"{100 * error:.1f} points\n"
        f"chance: {again} repetitions, half of them within "
        f"{100 * np.median(np.abs(chance)):.1f} points, the worst {-100 * chance.min():.1f} below"
    )


def compare(options: argparse.Namespace) -> None:
    """Search, print the table and draw the figure."""
    table = Table.read(TABLES / f"{options.data}.csv")
    print(validated(table), flush=True)
    surrogate = Surrogate(table)
    found: dict[str, Found] = {}
    for name in options.strategies.split(","):
        found[name] = searched(name, surrogate, options)
        print(f"{name}: {found[name].curves[:, -1].mean():.4f}", flush=True)
    options.output.mkdir(parents=True, exist_ok=True)
    text = tables(found, options)
    print(text)
    (options.output / f"{options.data}.md").write_text(text + "\n")
    curves = {name: each.curves.round(5).tolist() for name, each in found.items()}
    (options.output / f"{options.data}.json").write_text(json.dumps(curves))
    draw(found, options.output / f"{options.data}.svg")


def searched(name: str, surrogate: Surrogate, options: argparse.Namespace) -> Found:
    """Search with one strategy, once for each seed."""
    began = time.process_time()
    curves, repeated, ended = [], 0, 0
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        overrides = [f"evolution.strategy={name}", f"run.seed={seed}", *options.set]
        config = yaml_file.load(TABLES / f"{options.data}.yaml", overrides)
        curve, known, early = search(config, surrogate, options.evaluations)
        curves.append(curve)
        repeated += max(0, options.evaluations - known) if not early else 0
        ended += early
    return Found(
        curves=np.array(curves),
        repeated=repeated / (options.seeds * options.evaluations),
        seconds=(time.process_time() - began) / options.seeds,
        ended=ended,
    )


def search(config: Config, surrogate: Surrogate, evaluations: int) -> tuple[list[float], int, bool]:
    """Search once.

    Returns:
        The incumbent's accuracy after each evaluation, how many networks were seen, and whether the
        search ended before its time, its last incumbent then standing for the rest.
    """
    evolution = config.evolution
    generations = -(-evaluations // evolution.candidates)
    evolution = evolution.model_copy(update={"generations": generations})
    config = config.model_copy(update={"evolution": evolution})
    strategy, build, novelty = select(config), building(config), Novelty()
    seen: dict[str, tuple[float, Outcome]] = {}
    curve: list[float] = []
    best = (-1.0, 0.0)  # observed, in the mean
    state = strategy.initial(config)
    for generation in range(generations):
        draw = novelty.building(build, evolution.candidates) if evolution.avoid_repeats else build
        try:
            asked = strategy.ask(state, config, draw)
        except InputError:  # nothing that the populations offer is within the limits
            return curve + curve[-1:] * (evaluations - len(curve)), len(seen), True
        results = []
        for candidate, network in zip(asked.candidates, asked.built, strict=True):
            digest = network.hash()
            if digest not in seen:
                seen[digest] = trained(network, digest, surrogate, config.run.seed)
            mean, outcome = seen[digest]
            novelty.learn(candidate, outcome)
            # A training's outcome is that of its network: who repeats one learns nothing new.
            results.append(
                Result(candidate=candidate, outcome=replace(outcome, candidate=candidate.id))
            )
            best = max(best, (outcome.accuracy or 0.0, mean))
            curve.append(best[1])
        state = strategy.tell(asked.state, results, config)
        if generation < generations - 1:
            state = strategy.breed(state, config)
    return curve[:evaluations], len(seen), False


def trained(
    network: Network, digest: str, surrogate: Surrogate, seed: int
) -> tuple[float, Outcome]:
    """Return what trainings of a network give in the mean, and what its one training gave."""
    mean = surrogate.accuracy(network)
    total = cost.total(network)
    rng = np.random.default_rng([seed, int(digest, 16)])
    outcome = Outcome(
        candidate=0,
        network_hash=digest,
        status="ok",
        accuracy=surrogate.observed(mean, rng),
        flops_before=total.flops,
        flops_after=total.flops,
        parameters_before=total.parameters,
        parameters_after=total.parameters,
    )
    return mean, outcome
