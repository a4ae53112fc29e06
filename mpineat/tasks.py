"""Task and Outcome: all that crosses between ranks, and to a child process, as versioned bytes."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mpineat.genotype.genome import Candidate
from mpineat.genotype.serialize import candidate_from_json, candidate_to_json

WIRE_VERSION = 1
# Bytes that are sent as they are: packing them costs more than sending them, to the next process or
# node alike.
SMALL = 4096
# A message is a tree; looking for circles in it takes a fifth of the time.
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class WireError(ValueError):
    """Bytes that are no message of this version."""


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
    seed: int
    compress: bool
    flops: int
    parameters: int = 0
    layers: int = 0
    attempt: int = 1
    batch_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Where an evaluation's wall time went, in seconds; `queue` is the wait before it on rank 0."""

    queue: float = 0.0
    assemble: float = 0.0
    structure_learning: float = 0.0
    build: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One point of a learning curve; accuracies in [0, 1]."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


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

    dead_at_start: Mapping[str, float] = field(default_factory=dict)
    alive: tuple[tuple[int, int], ...] = ()
    widths: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    step_seconds: tuple[float, float] = (0.0, 0.0)
    removed: tuple[str, ...] = ()


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

    candidate: int
    network_hash: str
    status: str
    fault: str = ""
    reason: str = ""
    detail: str = ""
    accuracy: float | None = None
    loss: float | None = None
    flops_before: int = 0
    flops_after: int = 0
    parameters_before: int = 0
    parameters_after: int = 0
    network_before: Mapping[str, Any] | None = None
    network_after: Mapping[str, Any] | None = None
    compressed: Compressed | None = None
    curve: tuple[Epoch, ...] = ()
    seconds: Seconds = Seconds()
    started: float = 0.0
    rank: int = 0
    host: str = ""
    device: str = ""
    attempts: int = 1
    reused_from: int | None = None


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


def task_to_bytes(task: Task) -> bytes:
    """Encode for a pipe or a message: JSON with a version, through zlib unless it is small."""
    return _pack("task", {**_items(task), "candidate": candidate_to_json(task.candidate)})


def task_from_bytes(data: bytes) -> Task:
    """Decode what task_to_bytes wrote.

    Raises:
        WireError: Damaged bytes, another version, another kind.
    """
    value = _unpack("task", data)
    try:
        return Task(**{**value, "candidate": candidate_from_json(value["candidate"])})
    except (KeyError, TypeError) as error:
        raise WireError(f"not a task: {error}") from error


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Return values for json.dumps; the journal's lines hold these."""
    compressed = outcome.compressed
    return {
        **_items(outcome),
        "seconds": _items(outcome.seconds),
        "curve": [_items(point) for point in outcome.curve],
        "compressed": None if compressed is None else _items(compressed),
    }


def outcome_from_json(value: Mapping[str, Any]) -> Outcome:
    """Read what outcome_to_json returned.

    Raises:
        WireError: Keys that are missing or unknown.
    """
    try:
        found = dict(value)
        found["seconds"] = Seconds(**found["seconds"])
        found["curve"] = tuple(Epoch(**point) for point in found["curve"])
        if found["compressed"] is not None:
            record = dict(found["compressed"])
            record["alive"] = tuple(tuple(point) for point in record["alive"])
            record["widths"] = {name: tuple(pair) for name, pair in record["widths"].items()}
            record["step_seconds"] = tuple(record["step_seconds"])
            record["removed"] = tuple(record["removed"])
            found["compressed"] = Compressed(**record)
        return Outcome(**found)
    except (KeyError, TypeError, AttributeError) as error:
        raise WireError(f"not an outcome: {error}") from error


def outcome_to_bytes(outcome: Outcome) -> bytes:
    """Encode for a pipe or a message, without what has its default."""
    value = outcome_to_json(outcome)
    return _pack("outcome", {k: item for k, item in value.items() if item != _DEFAULTS.get(k, ...)})


def outcome_from_bytes(data: bytes) -> Outcome:
    """Decode what outcome_to_bytes wrote.

    Raises:
        WireError: Damaged bytes, another version, another kind.
    """
    return outcome_from_json(_DEFAULTS | _unpack("outcome", data))


_NAMES = {
    kind: tuple(item.name for item in fields(kind))
    for kind in (Task, Outcome, Seconds, Epoch, Compressed)
}


def _items(value: Task | Outcome | Seconds | Epoch | Compressed) -> dict[str, Any]:
    # Not asdict: it copies all that is in it, and both networks are JSON already.
    return {name: getattr(value, name) for name in _NAMES[type(value)]}


_DEFAULTS = {
    name: item
    for name, item in outcome_to_json(Outcome(candidate=0, network_hash="", status="")).items()
    if name not in ("candidate", "network_hash", "status")
}


def _pack(kind: str, value: Mapping[str, Any]) -> bytes:
    data = _encode({"version": WIRE_VERSION, "kind": kind, "value": value}).encode()
    return data if len(data) <= SMALL else zlib.compress(data, 1)


def _unpack(kind: str, data: bytes) -> dict[str, Any]:
    try:
        message = json.loads((data if data[:1] == b"{" else zlib.decompress(data)).decode())
        version, found, value = message["version"], message["kind"], message["value"]
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise WireError(f"damaged message of {len(data)} bytes: {error}") from error
    if version != WIRE_VERSION or found != kind:
        raise WireError(
            f"expected a {kind} of version {WIRE_VERSION}, found a {found} of version {version}"
        )
    if not isinstance(value, dict):
        raise WireError(f"expected a {kind}, found {value!r:.60}")
    return value
