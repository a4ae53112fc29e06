"""An evaluator that trains nothing: tries a cluster, a batch script or a search in seconds."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable

import numpy as np

from mpineat.child.messages import Setup
from mpineat.cluster import awake
from mpineat.data.dataset import describe
from mpineat.metrics import ACCURACY
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble
from mpineat.phenotype.narrow import scale_widths
from mpineat.phenotype.network import Network
from mpineat.tasks import Epoch, Outcome, Seconds, Task

SIGMA = (
    0.5  # of the log-normal seconds; measured trainings of one search space spread about so much
)
OTHER = 1.5  # power of the accuracy that stands for any other metric


def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
    """Return the device's name and the evaluation, as training.evaluate.start does."""
    config = setup.config
    data = describe(config.dataset)
    # Narrowing every width by this factor leaves about that share of the flops.
    factor = math.sqrt(config.compression.target_flops)
    other = config.training.metric != ACCURACY

    def evaluate(task: Task) -> Outcome:
        began = awake.seconds()
        before = assemble(task.candidate, data.input_shape, data.classes, config.search_space)
        after = scale_widths(before, factor) if task.compress else before
        # The seconds belong to the network, like all else: whoever evaluates it sleeps as long.
        rng = np.random.default_rng([task.seed, int(task.network_hash, 16)])
        epochs = task.epochs(config.training.epochs)
        trained = min(epochs, task.stop_after or epochs)
        seconds = config.farm.dry_run_seconds * trained / config.training.epochs
        time.sleep(seconds * rng.lognormal(-(SIGMA**2) / 2, SIGMA))
        accuracy = judge(after)
        # Equal networks in another context, or with other weights, are another evaluation.
        if task.context or task.start:
            accuracy **= 1 + 0.1 * rng.random()
        seconds = awake.seconds() - began
        return Outcome(
            candidate=task.candidate.id,
            network_hash=task.network_hash,
            status="discarded" if task.stop_after else "ok",
            accuracy=None if task.stop_after else accuracy,
            metric=None if task.stop_after or not other else accuracy**OTHER,
            loss=None if task.stop_after else -math.log(accuracy),
            flops_before=cost.flops(before),
            flops_after=cost.flops(after),
            parameters_before=cost.parameters(before),
            parameters_after=cost.parameters(after),
            network_before=before.to_json(),
            network_after=after.to_json(),
            start="new" if task.start is None else "inherited",
            weights=_weights(task) if task.keep_weights and not task.stop_after else "",
            curve=tuple(_point(epoch, accuracy, other) for epoch in range(1, trained + 1)),
            seconds=Seconds(total=seconds, stages={"train": seconds}),
        )

    return "dry run", evaluate


def _weights(task: Task) -> str:
    """Return the name of a file that is not there: nothing is trained, and nothing looks for it."""
    return hashlib.sha256(f"{task.network_hash} {task.seed}".encode()).hexdigest()


def judge(network: Network) -> float:
    """Return an invented accuracy in (0, 1): a function of the network alone.

    It rises with parameters, with diminishing returns, falls gently with flops and depth, and has a
    part that looks like noise, so that a search has something to find.
    """
    parameters = math.log10(1 + cost.parameters(network))
    flops = math.log10(1 + cost.flops(network))
    noise = int(network.hash()[:8], 16) / 2**32 - 0.5
    score = 1.1 * parameters - 0.35 * flops - 0.03 * len(network.layers) + 0.4 * noise
    return 1 / (1 + math.exp(-score / 2))


def _point(epoch: int, accuracy: float, other: bool) -> Epoch:
    reached = accuracy * (1 - 0.5**epoch)
    return Epoch(
        epoch=epoch,
        loss=-math.log(reached),
        accuracy=reached,
        val_loss=-math.log(reached),
        val_accuracy=reached,
        val_metric=reached**OTHER if other else None,
    )
