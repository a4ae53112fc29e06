"""Real trainings for the surrogate: `benchmark.py strategies gather CONFIG RECORD [--rounds N]`.

A round is a generation of random search and a search of a few generations by CoDeepNEAT that learns
from the accuracies, so that the trainings hold what a search visits late too. Every line of RECORD
is a training: network, accuracy, seconds. Some networks are trained again from other weights: what
chance does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mpineat.child.messages import Setup
from mpineat.config import Config, yaml_file
from mpineat.evolution.state import Result
from mpineat.evolution.strategy import select
from mpineat.genotype.genome import Candidate
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Network
from mpineat.registry import load
from mpineat.tasks import Outcome, Task

GENERATIONS = {"random": 1, "codeepneat": 4}
REPEATED = 3  # networks of a round that are trained twice more
# By the stem of the data's file, or their name where they have none: images' shape, classes.
DATA = {
    "cifar10_16x16": ((16, 16, 3), 10),
    "digits": ((8, 8, 1), 10),
    "mnist_14x14": ((14, 14, 1), 10),
    "tiny_imagenet_16x16": ((16, 16, 3), 20),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what gathering takes."""
    parser.add_argument("config", type=Path)
    parser.add_argument("record", type=Path)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=0)


def run(options: argparse.Namespace) -> None:
    """Append the trainings of the rounds to the record."""
    config = yaml_file.load(options.config)
    evaluate = load("evaluator", "training")(Setup(config=config, rank=1, host="here"))[1]
    with options.record.open("a") as record:
        for seed in range(options.first_seed, options.first_seed + options.rounds):
            for found in round_of(seed, config, evaluate):
                record.write(json.dumps(found) + "\n")
                record.flush()


def round_of(seed: int, config: Config, evaluate: Any) -> Iterator[dict[str, Any]]:
    """Yield the trainings of one round."""
    trained: dict[str, tuple[Candidate, Network]] = {}
    for name, generations in GENERATIONS.items():
        own = config.model_copy(
            update={
                "run": config.run.model_copy(update={"seed": seed}),
                "evolution": config.evolution.model_copy(update={"strategy": name}),
            }
        )
        strategy = select(own)
        state = strategy.initial(own)
        outcomes: dict[str, Outcome] = {}
        for _ in range(generations):
            asked = strategy.ask(state, own, building(own))
            results = []
            for candidate, network in zip(asked.candidates, asked.built, strict=True):
                digest = network.hash()
                if digest not in outcomes:
                    outcomes[digest] = evaluate(task(candidate, network, seed))
                    yield line(name, seed, state.generation, network, outcomes[digest])
                    trained[digest] = candidate, network
                outcome = replace(outcomes[digest], candidate=candidate.id)
                results.append(Result(candidate=candidate, outcome=outcome))
            state = strategy.breed(strategy.tell(asked.state, results, own), own)
    some = list(trained.values())[:: max(1, len(trained) // REPEATED)][:REPEATED]
    for repetition in (1, 2):
        for candidate, network in some:
            outcome = evaluate(task(candidate, network, 1000 * repetition + seed))
            yield line("again", seed, 0, network, outcome)


def building(config: Config) -> Any:
    """Return what `ask` builds with."""
    shape, classes = images(config)

    def build(candidate: Candidate) -> Network:
        network = assemble(candidate, shape, classes, config.search_space)
        check_limits(network, config.search_space, config.training.batch_size)
        return network

    return build


def images(config: Config) -> tuple[tuple[int, int, int], int]:
    """Return the images' shape and the number of classes."""
    path = config.dataset.path
    return DATA[Path(path).stem if path else config.dataset.name]


def task(candidate: Candidate, network: Network, seed: int) -> Task:
    """Return the training of a network, from the weights of a seed."""
    entropy = np.random.SeedSequence([seed, int(network.hash(), 16)])
    return Task(
        candidate=candidate,
        network_hash=network.hash(),
        seed=int(entropy.generate_state(1)[0]),
        compress=False,
        flops=cost.flops(network),
    )


def line(name: str, seed: int, generation: int, network: Network, outcome: Outcome) -> Any:
    """Return what is recorded of a training."""
    return {
        "strategy": name,
        "seed": seed,
        "generation": generation,
        "hash": network.hash(),
        "status": outcome.status,
        "reason": outcome.reason,
        "accuracy": outcome.accuracy,
        "loss": outcome.loss,
        "seconds": round(outcome.seconds.total, 3),
        "network": network.to_json(),
    }
