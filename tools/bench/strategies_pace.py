"""Processor time of a proposal, over the outcomes that a strategy has seen.

Accuracies are the dry run's, a function of the network. A proposal's time is all that rank 0 does
for a candidate: ask, assembling included, tell and breed, of the last generations before each size.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.scored import scored
from bench.trainings_gather import building

from mpineat import registry
from mpineat.child.dry_run import judge
from mpineat.config import Config, yaml_file
from mpineat.evolution.strategy import select


def add_options(part: Any) -> None:
    """Add this part's options."""
    part.add_argument("--strategies", default=",".join(registry.names("strategy")))
    part.add_argument("--outcomes", type=int, nargs="+", default=[100, 1000, 5000], metavar="N")
    part.add_argument("--last", type=int, default=10, metavar="N", help="generations measured")
    part.add_argument("--config", type=Path, default=Path("configs/digits.yaml"))
    part.add_argument(
        "--set", nargs="*", default=[], metavar="KEY=VALUE",
        help="options, for example evolution.candidates=1, or evolution.tpe.initial=4800: the "
        "first so many at random, which costs less",
    )  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Print a row for each strategy, milliseconds a proposal."""
    sizes = sorted(options.outcomes)
    print("| strategy | " + " | ".join(f"{size:,}" for size in sizes) + " |")
    print("|---|" + "---|" * len(sizes))
    for name in options.strategies.split(","):
        words = [f"evolution.strategy={name}", *options.set]
        if name == "morphism":  # which refuses it
            words.append("compression.enabled=false")
        config = yaml_file.load(options.config, words)
        cells = (f"{1000 * one:.2g}" for one in paces(config, sizes, options.last))
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def paces(config: Config, sizes: list[int], last: int) -> Iterator[float]:
    """Yield, for each size, the seconds a proposal in the `last` generations that reach it."""
    strategy, build, each = select(config), building(config), config.evolution.candidates
    state, spent = strategy.initial(config), [0.0]
    for size in sizes:
        while state.next_candidate < size:
            began = time.process_time()
            asked = strategy.ask(state, config, build)
            thought = time.process_time() - began
            results = [
                scored(candidate, judge(network))
                for candidate, network in zip(asked.candidates, asked.built, strict=True)
            ]
            began = time.process_time()
            state = strategy.breed(strategy.tell(asked.state, results, config), config)
            spent.append(thought + time.process_time() - began)
        measured = spent[-last:]
        yield sum(measured) / (len(measured) * each)
