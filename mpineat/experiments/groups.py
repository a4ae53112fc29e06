"""Groups of runs that differ in what makes a search cheaper, each against the plain one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mpineat import registry
from mpineat.data.reader import source
from mpineat.experiments.comparison import (
    compare_values,
    labelled,
    split,
    unequal_machines,
    unequal_seeds,
)
from mpineat.experiments.experiment import DISCARDING, Experiment, compression_options, protocol
from mpineat.experiments.exports import Exports
from mpineat.experiments.formats import Report, estimate_json, spread_json
from mpineat.experiments.statistics import LEVEL, Estimate, Floats, Spread, spread
from mpineat.experiments.tables import Table, estimate_text, spread_text

PLAIN = "plain"
# Group -> the options by which tools/experiment.py makes it; the others are the configuration's.
GROUPS: Mapping[str, tuple[str, ...]] = {
    PLAIN: ("evolution.early_discarding=none", "compression.enabled=false"),
    "compressed": ("evolution.early_discarding=none", "compression.enabled=true"),
    "default": (  # the program's own
        "evolution.early_discarding=screen",
        "compression.rule=elastic",
        "compression.target_flops=0.15",
    ),
}


def group_of(experiment: Experiment) -> str:
    """Return the group that an experiment belongs to, by its options."""
    if experiment.discards:
        return "default"
    return "compressed" if experiment.compressed else PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What is known of one figure of a group: a list of (seed, values), an entry an experiment."""

    samples: tuple[tuple[int, tuple[float, ...]], ...]

    @property
    def spread(self) -> Spread | None:
        """Over all values of all experiments."""
        return spread([value for _, values in self.samples for value in values])

    @property
    def number(self) -> int:
        """How many values there are."""
        return sum(len(values) for _, values in self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The experiments of one group on one data set.

    Attributes:
        name: Of the group, and the options in which it differs from others of that name.
        minutes: Wall time of the search without its final, of whole searches.
        evaluations: Seconds that the workers spent on evaluations of these searches.
        accuracy: Of the networks of the last generation that were trained in full; in %.
        last: Test accuracies of the different networks of the last generation, each trained in
            full and at full width after the search, in %, of all exports that are known.
        finalist: Mean accuracy of the final's winner, in %.
        test: Accuracies of the winner on the test set, in %, of all exports that are known.
        speed_up, evaluation_speed_up: Of the means against the plain group's.
        test_gain: Test accuracy minus the plain group's, in % points.
        notes: Sentences on what the figures lack.
    """

    label: str
    name: str
    experiments: tuple[Experiment, ...]
    minutes: Quantity
    evaluations: Quantity
    accuracy: Quantity
    last: Quantity
    finalist: Quantity
    test: Quantity
    speed_up: Estimate | None = None
    evaluation_speed_up: Estimate | None = None
    test_gain: Estimate | None = None
    notes: tuple[str, ...] = ()


def groups(experiments: Iterable[Experiment], exports: Exports) -> tuple[Group, ...]:
    """Sort experiments by data set, settings that they must share, and group."""
    order = registry.names("reader")
    by_dataset = split(experiments, lambda e: e.config.dataset.name)
    found: list[Group] = []
    for dataset in sorted(by_dataset, key=order.index):
        for label, members in labelled(by_dataset[dataset], source(dataset).title, _shared):
            by_name = split(members, group_of)
            of_label = [
                _group(label, variant, part, exports)
                for name in GROUPS
                for variant, part in labelled(by_name.get(name, []), name, _own)
            ]
            plain = next((group for group in of_label if group.name == PLAIN), None)
            found += [g if g is plain else _compared(g, plain) for g in of_label]
    return tuple(found)


def report(found: Sequence[Group], exports: Exports, left_out: Sequence[str]) -> Report:
    """Return the groups as tables and figures."""
    notes = [*left_out, *exports.problems]
    notes += [f"{group.label}, {group.name}: {note}" for group in found for note in group.notes]
    return Report(
        tables=(_cost_table(found), _quality_table(found)),
        notes=tuple(notes),
        header=("data_set", "group", "quantity", "value", "low", "high", "count"),
        figures=tuple((g.label, g.name, *line) for g in found for line in _figures(g)),
        value={
            "format": "mpineat-groups",
            "format_version": 1,
            "groups": [_json(group) for group in found],
            "notes": notes,
        },
    )


def _shared(experiment: Experiment) -> dict[str, Any]:
    """Return what experiments of different groups must have in common to be compared."""
    options = protocol(experiment)
    return {name: value for name, value in options.items() if name not in DISCARDING}


def _own(experiment: Experiment) -> dict[str, Any]:
    """Return the options that make variants of a group; a plain run has none."""
    if group_of(experiment) == PLAIN:
        return {}
    options = protocol(experiment)
    return {name: options[name] for name in DISCARDING} | compression_options(experiment)


def _compared(own: Group, plain: Group | None) -> Group:
    """Return a group with what can be said of it against the plain one of the same settings."""
    if plain is None:
        return replace(own, notes=(*own.notes, "no plain run: nothing to compare it with"))
    machines = unequal_machines(plain.experiments, own.experiments)
    seeds = unequal_seeds(plain.experiments, own.experiments)
    return replace(
        own,
        speed_up=_compare(plain.minutes, own.minutes, np.divide),
        evaluation_speed_up=_compare(plain.evaluations, own.evaluations, np.divide),
        test_gain=_compare(own.test, plain.test, np.subtract),
        notes=(*own.notes, *machines, *seeds),
    )


def _compare(
    first: Quantity, second: Quantity, combine: Callable[[Floats, Floats], Floats]
) -> Estimate | None:
    return compare_values(first.samples, second.samples, combine)


def _group(label: str, name: str, members: Sequence[Experiment], exports: Exports) -> Group:
    notes = [f"{e.path}: {problem}" for e in members for problem in e.problems]
    notes += [f"{e.path}: unfinished: its figures are left out" for e in members if not e.finished]
    whole = [e for e in members if e.seconds is not None]
    winners = [(e, e.winner) for e in members if e.finished]
    tested = [(e, exports.of(e.run_id, w.candidate)) for e, w in winners if w is not None]
    if exports.known:
        notes += [f"{e.path}: no export of its winner" for e, found in tested if not found]
    means = [(e, f.mean_accuracy) for e in members for f in e.finalists[:1]]
    return Group(
        label=label,
        name=name,
        experiments=tuple(members),
        minutes=_quantity((e, (e.elapsed_seconds / 60,)) for e in whole),
        evaluations=_quantity((e, (e.busy_seconds,)) for e in whole),
        accuracy=_quantity((e, _percent(e.last_accuracies)) for e in members),
        last=_quantity((e, _percent(_last(e, exports))) for e in members),
        finalist=_quantity((e, _percent([mean])) for e, mean in means if mean is not None),
        test=_quantity((e, _percent(found)) for e, found in tested),
        notes=tuple(notes),
    )


def _last(experiment: Experiment, exports: Exports) -> Iterator[float]:
    for outcome in experiment.last_generation:
        yield from exports.of_last(experiment.run_id, outcome.candidate)


def _quantity(found: Iterable[tuple[Experiment, tuple[float, ...]]]) -> Quantity:
    return Quantity(samples=tuple((e.seed, values) for e, values in found if values))


def _percent(accuracies: Iterable[float]) -> tuple[float, ...]:
    return tuple(100 * accuracy for accuracy in accuracies)


def _cost_table(found: Sequence[Group]) -> Table:
    return Table(
        f"Groups: what a search costs, with {LEVEL:.0%} bootstrap intervals",
        (
            "data set",
            "group",
            "experiments",
            "minutes",
            "seconds of evaluations",
            "speed-up",
            "speed-up of evaluations",
        ),
        tuple(
            (
                group.label,
                group.name,
                str(len(group.minutes.samples)),
                spread_text(group.minutes.spread),
                spread_text(group.evaluations.spread),
                estimate_text(group.speed_up),
                estimate_text(group.evaluation_speed_up),
            )
            for group in found
        ),
    )


def _quality_table(found: Sequence[Group]) -> Table:
    return Table(
        "Groups: what it finds; the last generation's networks that were trained in full, all of "
        "them on the test set, the winner's mean in the final, the winner on the test set",
        (
            "data set",
            "group",
            "accuracy, %",
            "networks",
            "last generation, test, %",
            "final, %",
            "test, %",
            "trainings",
            "test against plain, % points",
        ),
        tuple(
            (
                group.label,
                group.name,
                spread_text(group.accuracy.spread),
                str(group.accuracy.number),
                spread_text(group.last.spread),
                spread_text(group.finalist.spread),
                spread_text(group.test.spread),
                str(group.test.number),
                estimate_text(group.test_gain),
            )
            for group in found
        ),
    )


def _quantities(group: Group) -> dict[str, Quantity]:
    return {
        "minutes": group.minutes,
        "evaluation_seconds": group.evaluations,
        "accuracy_percent": group.accuracy,
        "last_generation_test_accuracy_percent": group.last,
        "finalist_accuracy_percent": group.finalist,
        "test_accuracy_percent": group.test,
    }


def _estimates(group: Group) -> dict[str, Estimate | None]:
    return {
        "speed_up": group.speed_up,
        "evaluation_speed_up": group.evaluation_speed_up,
        "test_gain_percent_points": group.test_gain,
    }


def _figures(group: Group) -> Iterator[tuple[Any, ...]]:
    """Yield (quantity, value, low, high, count) lines."""
    for name, quantity in _quantities(group).items():
        if (found := quantity.spread) is not None:
            yield name, found.mean, found.low, found.high, found.count
            yield f"{name}_deviation", found.deviation, None, None, found.count
    for name, estimate in _estimates(group).items():
        if estimate is not None:
            yield name, estimate.value, estimate.low, estimate.high, None


def _json(group: Group) -> dict[str, Any]:
    return {
        "data_set": group.label,
        "group": group.name,
        **{name: spread_json(quantity.spread) for name, quantity in _quantities(group).items()},
        **{name: estimate_json(estimate) for name, estimate in _estimates(group).items()},
        "runs": [str(experiment.path) for experiment in group.experiments],
        "notes": list(group.notes),
    }
