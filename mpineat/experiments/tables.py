"""The thesis's tables 1-3, and what explains them, as rows of text (Nikulenkov 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from mpineat import units
from mpineat.experiments.comparison import Comparison, Group, Summary
from mpineat.experiments.experiment import Experiment
from mpineat.experiments.prediction import is_trained
from mpineat.experiments.statistics import LEVEL, Estimate, Spread
from mpineat.tasks import stage_names

NOTHING = "-"
FEW_EXPERIMENTS = 5
TEXT_COLUMNS = ("run", "data set", "group", "state")  # aligned to the left, numbers to the right


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a title."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(comparisons: Sequence[Comparison]) -> tuple[Table, ...]:
    """Return tables 1 to 3, then what explains them, and the runs."""
    return (
        _group_table("Table 1. Plain CoDeepNEAT", [(c.label, c.plain) for c in comparisons]),
        _group_table(
            "Table 2. CoDeepNEAT with compression", [(c.label, c.compressed) for c in comparisons]
        ),
        Table(
            f"Table 3. Speed-up and degradation of accuracy, with {LEVEL:.0%} bootstrap intervals",
            ("data set", "experiments", "speed-up", "degradation, % points"),
            tuple(
                (
                    c.label,
                    f"{_size(c.plain)} + {_size(c.compressed)}",
                    estimate_text(c.speed_up),
                    estimate_text(c.degradation),
                )
                for c in comparisons
            ),
        ),
        _prediction_table(comparisons),
        _machine_table(comparisons),
        _seconds_table(comparisons),
        _run_table(comparisons),
    )


def notes(summary: Summary) -> tuple[str, ...]:
    """Return what a reader of the tables must know, one sentence an item."""
    comparisons = summary.comparisons
    found = [*summary.left_out]
    found += [f"{c.label}: {note}" for c in comparisons for note in c.notes]
    few = [c.label for c in comparisons if c.speed_up and _fewest(c) < FEW_EXPERIMENTS]
    if few:
        found.append(
            f"{'; '.join(few)}: fewer than {FEW_EXPERIMENTS} experiments a group: "
            "a bootstrap interval is narrower than it should be, or missing"
        )
    return tuple(found)


def estimate_text(estimate: Estimate | None) -> str:
    """Return "1.82 [1.70, 1.95]"."""
    if estimate is None:
        return NOTHING
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def spread_text(spread: Spread | None) -> str:
    """Return "61.29 ± 2.10", mean and standard deviation."""
    if spread is None:
        return NOTHING
    return f"{spread.mean:.2f}" + ("" if spread.deviation is None else f" ± {spread.deviation:.2f}")


def _size(group: Group | None) -> int:
    """Return the number of experiments whose time counts."""
    return group.minutes.count if group and group.minutes else 0


def _fewest(comparison: Comparison) -> int:
    return min(_size(comparison.plain), _size(comparison.compressed))


def _group_table(title: str, groups: Sequence[tuple[str, Group | None]]) -> Table:
    rows = []
    for label, group in groups:
        if group is None:
            continue
        minutes = group.minutes
        rows.append(
            (
                label,
                str(_size(group)),
                spread_text(minutes),
                f"{minutes.low:.2f}-{minutes.high:.2f}" if minutes else NOTHING,
                spread_text(group.accuracy),
                str(group.accuracy.count if group.accuracy else 0),
                spread_text(group.best),
            )
        )
    header = (
        "data set",
        "experiments",
        "minutes",
        "range",
        "accuracy, %",
        "networks",
        "winners' accuracy, %",
    )
    return Table(title, header, tuple(rows))


def _prediction_table(comparisons: Sequence[Comparison]) -> Table:
    rows = []
    for comparison in comparisons:
        p = comparison.prediction
        if p is None:
            continue
        rows.append(
            (
                comparison.label,
                f"{p.shrinking:.2f}",
                f"{1e9 * p.train_cost:.3g}",
                f"{1e9 * p.evaluate_cost:.3g}",
                f"{p.epochs:g}",
                f"{p.shrinking_epochs:g}",
                f"{p.kept:.3f} {'<' if p.gain else '>='} {p.bound:.3f}",
                "holds" if p.gain else "fails",
                f"{p.speed_up:.2f}",
                NOTHING if comparison.speed_up is None else f"{comparison.speed_up.value:.2f}",
            )
        )
    header = (
        "data set",
        "a",
        "c, ns/flop",
        "d, ns/flop",
        "n",
        "k",
        "1/a^k < 1 - ck/(cn+d)",
        "gain condition",
        "predicted speed-up",
        "measured",
    )
    return Table("Speed-up predicted from measured costs", header, tuple(rows))


def _machine_table(comparisons: Sequence[Comparison]) -> Table:
    rows = tuple(
        (
            label,
            name,
            units.share(group.busy_share),
            NOTHING if group.evaluations_per_hour is None else f"{group.evaluations_per_hour:.0f}",
            str(group.trainings),
            str(group.reused),
            str(group.failed),
        )
        for label, name, group in _groups(comparisons)
    )
    header = (
        "data set",
        "group",
        "workers busy",
        "evaluations per hour",
        "trained",
        "reused",
        "failed",
    )
    return Table("Use of the machine", header, rows)


def _seconds_table(comparisons: Sequence[Comparison]) -> Table:
    """What the prediction leaves out: building and compiling cost as much for few flops."""
    groups = [
        (label, name, [o for e in group.experiments for o in e.outcomes if is_trained(o)])
        for label, name, group in _groups(comparisons)
    ]
    stages = stage_names(outcome for *_, outcomes in groups for outcome in outcomes)
    rows = []
    for label, name, outcomes in groups:
        if outcomes:
            means = [fmean(o.seconds.stages.get(stage, 0.0) for o in outcomes) for stage in stages]
            means.append(fmean(o.seconds.total for o in outcomes))
            rows.append((label, name, *(f"{mean:.2f}" for mean in means)))
    header = ("data set", "group", *(stage.replace("_", " ") for stage in stages), "total")
    return Table("Mean seconds of an evaluation", header, tuple(rows))


def _run_table(comparisons: Sequence[Comparison]) -> Table:
    rows = [
        _run_row(label, name, experiment)
        for label, name, group in _groups(comparisons)
        for experiment in group.experiments
    ]
    header = (
        "run",
        "data set",
        "group",
        "seed",
        "generations",
        "minutes",
        "best accuracy, %",
        "state",
    )
    return Table("Runs", header, tuple(rows))


def _groups(comparisons: Sequence[Comparison]) -> list[tuple[str, str, Group]]:
    """Return (label, group's name, group); plain runs that several variants share only once."""
    found: dict[tuple[object, ...], tuple[str, str, Group]] = {}
    for comparison in comparisons:
        for name, group in (("plain", comparison.plain), ("compressed", comparison.compressed)):
            if group is not None:
                key = tuple(experiment.path for experiment in group.experiments)
                found.setdefault(key, (comparison.label, name, group))
    return list(found.values())


def _run_row(label: str, name: str, experiment: Experiment) -> tuple[str, ...]:
    winner = experiment.winner
    return (
        str(experiment.path),
        label,
        name,
        str(experiment.seed),
        f"{len(experiment.generations)}/{experiment.planned}",
        f"{experiment.elapsed_seconds / 60:.2f}",
        NOTHING if winner is None else f"{100 * (winner.accuracy or 0.0):.2f}",
        experiment.state,
    )
