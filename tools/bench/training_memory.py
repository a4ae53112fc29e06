"""Resident memory of one process that evaluates many candidates, one after the other."""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterator

from mpineat.child.messages import Setup
from mpineat.config import Config
from mpineat.data.dataset import describe
from mpineat.evolution.strategy import select
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble
from mpineat.tasks import Task
from mpineat.training import evaluate

WARM = 30
SETTINGS = {
    "dataset": {"name": "digits", "train_examples": 400},
    "search_space": {"max_flops": 1e7},
    "training": {"epochs": 1, "batch_size": 64},
    "compression": {"enabled": True},
}


def memory(options: argparse.Namespace) -> Iterator[str]:
    """Yield a line every 30 candidates, then by how much the memory grew after the first 30."""
    config = Config.model_validate({**SETTINGS, "run": {"seed": options.seed}})
    data = describe(config.dataset)
    asked = select(config).ask(
        select(config).initial(config),
        config,
        lambda candidate: assemble(candidate, data.input_shape, data.classes, config.search_space),
        count=options.candidates,
    )
    _, handle = evaluate.start(Setup(config=config, rank=1, host="here", threads=options.threads))
    resident = []
    for candidate, network in zip(asked.candidates, asked.built, strict=True):
        task = Task(
            candidate=candidate,
            network_hash=network.hash(),
            seed=candidate.id,
            compress=True,
            flops=cost.flops(network),
        )
        outcome = handle(task)
        if outcome.status != "ok":
            yield f"candidate {candidate.id}: {outcome.reason}: {outcome.detail}"
        resident.append(_resident_mib())
        if len(resident) % WARM == 0:
            last = resident[-WARM:]
            yield (
                f"candidates {len(resident) - WARM + 1:3}-{len(resident):3}: "
                f"median {statistics.median(last):.0f} MiB, most {max(last):.0f}"
            )
    if len(resident) > 2 * WARM:
        before, after = (
            statistics.median(resident[WARM - 10 : WARM]),
            statistics.median(resident[-10:]),
        )
        growth = 100 * (after / before - 1)
        yield f"after {WARM}: {before:.0f} MiB, at the end: {after:.0f} MiB, {growth:+.1f} %"


def _resident_mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
