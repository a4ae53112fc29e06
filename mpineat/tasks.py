"""Task and Outcome: all that crosses between ranks, and to a child process, as versioned bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import StringConstraints

from mpineat.genotype.genome import Candidate
from mpineat.wire import Codec, Count, NonNegative, Positive, Series, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One evaluation that rank 0 asks for.

    Attributes:
        seed: Of the weights, the shuffling and the dropout; derived from the run's seed and the
            network's hash, so equal networks have equal outcomes wherever they are trained.
        compress: Whether structure learning precedes the training.
        flops: Of the uncompressed network, one forward pass.
        parameters, layers: Of the uncompressed network; with flops they predict the seconds, which
            order the queue.
        attempt: 1 for the first try.
        batch_size: None for the configured one; smaller after GPU memory was exhausted.
    """

    candidate: Candidate
    network_hash: str
    seed: Count
    compress: bool
    flops: Count
    parameters: Count = 0
    layers: Count = 0
    attempt: Positive = 1
    batch_size: Positive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Where an evaluation's wall time went, in seconds; `queue` is the wait before it on rank 0."""

    queue: NonNegative = 0.0
    assemble: NonNegative = 0.0
    structure_learning: NonNegative = 0.0
    build: NonNegative = 0.0
    train: NonNegative = 0.0
    evaluate: NonNegative = 0.0
    total: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One point of a learning curve; a loss may be NaN or infinite."""

    epoch: Count
    loss: float
    accuracy: Share
    val_loss: float
    val_accuracy: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """What structure learning did.

    Attributes:
        dead_at_start: Layer -> share of its filters below the alive threshold before step 1.
        alive: (step, total alive filters) points over structure learning.
        widths: Layer -> (filters before, filters after); after = 0 for a layer that vanished.
        step_seconds: Seconds of a training step before and after, warm.
        removed: Layers that the empty_layer policy took out.
    """

    dead_at_start: Mapping[str, Share] = field(default_factory=dict)
    alive: Series[tuple[Count, Count]] = ()
    widths: Mapping[str, tuple[Count, Count]] = field(default_factory=dict)
    step_seconds: tuple[NonNegative, NonNegative] = (0.0, 0.0)
    removed: Series[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What evaluating a candidate returned; a failure is an Outcome too.

    Attributes:
        status: "ok" or "failed".
        fault: "" when ok; whose fault a failure is: "candidate" or "machine".
        reason: "" when ok; else one of REASONS.
        detail: One line for the person who looks into it.
        accuracy, loss: On the validation split after training; None when failed.
        network_before, network_after: Network JSON, before and after compression.
        started: Unix time at which the evaluation began on its worker.
        reused_from: Id of the candidate whose outcome this repeats; None when trained.
    """

    candidate: Count
    network_hash: str
    status: Annotated[str, StringConstraints(pattern="^(ok|failed)$")]
    fault: Annotated[str, StringConstraints(pattern="^(|candidate|machine)$")] = ""
    reason: str = ""
    detail: str = ""
    accuracy: Share | None = None
    loss: float | None = None
    flops_before: Count = 0
    flops_after: Count = 0
    parameters_before: Count = 0
    parameters_after: Count = 0
    network_before: Mapping[str, Any] | None = None
    network_after: Mapping[str, Any] | None = None
    compressed: Compressed | None = None
    curve: Series[Epoch] = ()
    seconds: Seconds = Seconds()
    started: NonNegative = 0.0
    rank: Count = 0
    host: str = ""
    device: str = ""
    attempts: Positive = 1
    reused_from: Count | None = None


# reason -> whose fault it usually is
REASONS: dict[str, str] = {
    "infeasible": "candidate",  # cannot be assembled or built
    "nan": "candidate",  # the loss became NaN or infinite
    "too_slow": "candidate",  # training.max_minutes
    "gpu_memory": "candidate",  # the device's memory is exhausted
    "error": "candidate",  # TensorFlow refused it with an exception
    "killed": "machine",  # the child died: a signal, the out-of-memory killer, a crash
    "timeout": "machine",  # farm.task_minutes
    "lost": "machine",  # the worker rank is gone
}


def best(outcomes: Iterable[Outcome]) -> Outcome | None:
    """Return the winner: highest accuracy, fewest flops, lowest id; None if all failed."""
    judged = [outcome for outcome in outcomes if outcome.accuracy is not None]
    return min(
        judged, key=lambda o: (-(o.accuracy or 0.0), o.flops_after, o.candidate), default=None
    )


TASK = Codec("task", Task)
OUTCOME = Codec("outcome", Outcome)
task_to_bytes, task_from_bytes = TASK.pack, TASK.unpack
outcome_to_bytes, outcome_from_bytes = OUTCOME.pack, OUTCOME.unpack
