"""Comparison: plain CoDeepNEAT against compression on one data set (Nikulenkov 2022, section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from mpineat import registry
from mpineat.data.reader import source
from mpineat.experiments.experiment import Experiment, compression_options, protocol
from mpineat.experiments.prediction import Prediction, predict
from mpineat.experiments.statistics import Estimate, Floats, Spread, compare_means, spread

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The experiments of one data set with compression, or those without.

    Attributes:
        minutes: Over the experiments of which every generation is there.
        accuracy: Over the mixed population, the networks of all last generations; in %.
        best: Over the experiments: the winner's accuracy in %.
        busy_share: What evaluations filled of the workers' time; None when that is not recorded.
        evaluations_per_hour: Trainings that ended well, over the wall time.
        failed, reused: Candidates that failed, and that repeated an earlier training.
    """

    experiments: tuple[Experiment, ...]
    minutes: Spread | None
    accuracy: Spread | None
    best: Spread | None
    busy_share: float | None
    evaluations_per_hour: float | None
    trainings: int
    failed: int
    reused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One row of the thesis's table 3.

    Attributes:
        label: Data set, and the options in which it differs from its other comparisons.
        plain, compressed: Groups (a) and (b); None when no run belongs to one.
        speed_up: t_a / t_b, of mean minutes.
        degradation: acc_a - acc_b in % points, of mean accuracies; negative: compression is better.
        notes: Sentences on what could not be computed or should not be trusted.
    """

    label: str
    plain: Group | None
    compressed: Group | None
    speed_up: Estimate | None
    degradation: Estimate | None
    prediction: Prediction | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """All comparisons, and sentences on the inputs that are in none."""

    comparisons: tuple[Comparison, ...]
    left_out: tuple[str, ...] = ()


def compare(experiments: Sequence[Experiment]) -> tuple[Comparison, ...]:
    """Sort experiments into comparisons by data set, in the registry's order, and settings."""
    order = registry.names("reader")
    by_dataset = split(experiments, lambda e: e.config.dataset.name)
    comparisons: list[Comparison] = []
    for dataset in sorted(by_dataset, key=order.index):
        for label, members in labelled(by_dataset[dataset], source(dataset).title, protocol):
            plain = [e for e in members if not e.compressed]
            variants = labelled([e for e in members if e.compressed], label, compression_options)
            for name, compressed in variants or [(label, [])]:
                comparisons.append(_compare_groups(name, plain, compressed))
    return tuple(comparisons)


def split(
    experiments: Iterable[Experiment], key: Callable[[Experiment], KeyT]
) -> dict[KeyT, list[Experiment]]:
    """Return the experiments by `key`, in their order."""
    parts: dict[KeyT, list[Experiment]] = {}
    for experiment in experiments:
        parts.setdefault(key(experiment), []).append(experiment)
    return parts


def labelled(
    experiments: Sequence[Experiment],
    label: str,
    options: Callable[[Experiment], Mapping[str, Any]],
) -> list[tuple[str, list[Experiment]]]:
    """Split by `options`; the largest part keeps the label, the others add what differs."""
    parts = list(split(experiments, lambda e: tuple(options(e).items())).values())
    parts.sort(key=len, reverse=True)
    found = []
    for part in parts:
        differing = _difference(options(parts[0][0]), options(part[0]))
        found.append((", ".join([label, *differing]), part))
    return found


def _difference(usual: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in found.items() if usual[name] != value]


def _compare_groups(
    label: str, plain: Sequence[Experiment], compressed: Sequence[Experiment]
) -> Comparison:
    notes = []
    for name, group in (("plain", plain), ("compressed", compressed)):
        if not group:
            notes.append(f"no {name} run: neither speed-up nor degradation")
        notes += [f"{e.path}: {problem}" for e in group for problem in e.problems]
        notes += [
            f"{e.path}: unfinished: left out of minutes, accuracy, speed-up and degradation"
            for e in group
            if e.state == "unfinished"
        ]
        seeds = Counter(e.seed for e in group)
        notes += [f"seed {s}: {n} {name} runs; all count" for s, n in seeds.items() if n > 1]
    notes += unequal_machines(plain, compressed) + unequal_seeds(plain, compressed)
    speed_up = compare_values(
        [(e.seed, (e.seconds,)) for e in plain if e.seconds],
        [(e.seed, (e.seconds,)) for e in compressed if e.seconds],
        np.divide,
    )
    degradation = compare_values(
        [(e.seed, e.last_accuracies) for e in plain if e.last_accuracies],
        [(e.seed, e.last_accuracies) for e in compressed if e.last_accuracies],
        lambda a, b: 100 * (a - b),
    )
    prediction = None
    if compressed:
        settings = compressed[0].config
        prediction = predict(
            [o for e in plain for o in e.outcomes],
            [o for e in compressed for o in e.outcomes],
            epochs=settings.training.epochs,
            shrinking_epochs=settings.compression.epochs * settings.compression.iterations,
        )
        if settings.compression.every > 1:
            notes.append(
                "compression.every > 1: the prediction holds for the compressed generations alone"
            )
    return Comparison(
        label=label,
        plain=_summarize(plain),
        compressed=_summarize(compressed),
        speed_up=speed_up,
        degradation=degradation,
        prediction=prediction,
        notes=tuple(notes),
    )


def compare_values(
    plain: Sequence[tuple[int, tuple[float, ...]]],
    compressed: Sequence[tuple[int, tuple[float, ...]]],
    combine: Callable[[Floats, Floats], Floats],
) -> Estimate | None:
    """Compare (seed, values) lists, in pairs where both groups have the same seeds."""
    if not plain or not compressed:
        return None
    plain, compressed = sorted(plain), sorted(compressed)
    paired = [seed for seed, _ in plain] == [seed for seed, _ in compressed]
    return compare_means([v for _, v in plain], [v for _, v in compressed], combine, paired=paired)


def unequal_machines(plain: Sequence[Experiment], compressed: Sequence[Experiment]) -> list[str]:
    """Return a sentence where two groups did not run on the same machines."""
    machines = Counter((e.workers, e.devices) for e in (*plain, *compressed) if e.workers)
    if len(machines) < 2:
        return []
    found = "; ".join(
        f"{runs} run(s) with {workers} worker(s) on {', '.join(devices) or 'unknown devices'}"
        for (workers, devices), runs in machines.items()
    )
    return [f"times of unequal machines are compared: {found}"]


def unequal_seeds(plain: Sequence[Experiment], compressed: Sequence[Experiment]) -> list[str]:
    """Return a sentence where two groups cannot be compared in pairs."""
    first, second = (sorted(e.seed for e in group if e.seconds) for group in (plain, compressed))
    if first == second or not first or not second:
        return []
    return [f"times of unequal seeds are compared, not in pairs: {first} with {second}"]


def _summarize(experiments: Sequence[Experiment]) -> Group | None:
    if not experiments:
        return None
    winners = [e.winner for e in experiments if e.finished]
    elapsed = sum(e.elapsed_seconds for e in experiments)
    worked = [e for e in experiments if e.workers and e.elapsed_seconds]
    capacity = sum(e.elapsed_seconds * e.workers for e in worked)
    trainings = sum(e.trainings for e in experiments)
    outcomes = [o for e in experiments for o in e.outcomes]
    return Group(
        experiments=tuple(experiments),
        minutes=spread([e.seconds / 60 for e in experiments if e.seconds]),
        accuracy=spread([100 * a for e in experiments for a in e.last_accuracies]),
        best=spread([100 * (w.accuracy or 0.0) for w in winners if w is not None]),
        busy_share=sum(e.busy_seconds for e in worked) / capacity if capacity else None,
        evaluations_per_hour=3600 * trainings / elapsed if elapsed else None,
        trainings=trainings,
        failed=sum(o.status == "failed" for o in outcomes),
        reused=sum(o.reused_from is not None for o in outcomes),
    )
