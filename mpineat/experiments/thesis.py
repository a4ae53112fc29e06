"""Plain against compressed runs as a report: the thesis's tables, and all figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mpineat.experiments.comparison import Comparison, Group, Summary
from mpineat.experiments.experiment import Experiment
from mpineat.experiments.formats import Report, estimate_json, spread_json
from mpineat.experiments.tables import notes, tables


def report(summary: Summary) -> Report:
    """Return the report of all comparisons."""
    remarks = notes(summary)
    return Report(
        tables=tables(summary.comparisons),
        notes=remarks,
        header=("data_set", "group", "quantity", "value", "low", "high", "count"),
        figures=tuple(
            (comparison.label, *line)
            for comparison in summary.comparisons
            for line in _figures(comparison)
        ),
        value={
            "format": "mpineat-summary",
            "format_version": 1,
            "comparisons": [_comparison_json(comparison) for comparison in summary.comparisons],
            "notes": list(remarks),
        },
    )


def _figures(comparison: Comparison) -> Iterator[tuple[Any, ...]]:
    """Yield (group, quantity, value, low, high, count) lines."""
    for name, group in (("plain", comparison.plain), ("compressed", comparison.compressed)):
        if group is None:
            continue
        spreads = {
            "minutes": group.minutes,
            "accuracy_percent": group.accuracy,
            "winner_accuracy_percent": group.best,
        }
        for quantity, spread in spreads.items():
            if spread is not None:
                yield (name, quantity, spread.mean, spread.low, spread.high, spread.count)
                yield (name, f"{quantity}_deviation", spread.deviation, None, None, spread.count)
        for quantity in ("busy_share", "evaluations_per_hour", "trainings", "failed", "reused"):
            yield (name, quantity, getattr(group, quantity), None, None, len(group.experiments))
    estimates = {
        "speed_up": comparison.speed_up,
        "degradation_percent_points": comparison.degradation,
    }
    for quantity, estimate in estimates.items():
        if estimate is not None:
            yield ("both", quantity, estimate.value, estimate.low, estimate.high, None)
    for quantity, value in _prediction_json(comparison).items():
        yield ("both", quantity, value, None, None, None)


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "data_set": comparison.label,
        "plain": _group_json(comparison.plain),
        "compressed": _group_json(comparison.compressed),
        "speed_up": estimate_json(comparison.speed_up),
        "degradation_percent_points": estimate_json(comparison.degradation),
        "prediction": _prediction_json(comparison) or None,
        "notes": list(comparison.notes),
    }


def _group_json(group: Group | None) -> dict[str, Any] | None:
    if group is None:
        return None
    return {
        "minutes": spread_json(group.minutes),
        "accuracy_percent": spread_json(group.accuracy),
        "winner_accuracy_percent": spread_json(group.best),
        "busy_share": group.busy_share,
        "evaluations_per_hour": group.evaluations_per_hour,
        "trainings": group.trainings,
        "failed": group.failed,
        "reused": group.reused,
        "runs": [_run_json(experiment) for experiment in group.experiments],
    }


def _run_json(experiment: Experiment) -> dict[str, Any]:
    return {
        "path": str(experiment.path),
        "run_id": experiment.run_id,
        "seed": experiment.seed,
        "generations": len(experiment.generations),
        "planned_generations": experiment.planned,
        "seconds": experiment.seconds,
        "best_accuracy": [g.best.accuracy if g.best else None for g in experiment.generations],
        "last_accuracies": list(experiment.last_accuracies),
        "state": experiment.state,
        "problems": list(experiment.problems),
    }


def _prediction_json(comparison: Comparison) -> dict[str, Any]:
    p = comparison.prediction
    if p is None:
        return {}
    return {
        "a": p.shrinking,
        "c_seconds_per_flop": p.train_cost,
        "d_seconds_per_flop": p.evaluate_cost,
        "n_epochs": p.epochs,
        "k_epochs": p.shrinking_epochs,
        "kept_flops_share": p.kept,
        "gain_bound": p.bound,
        "gain_condition_holds": p.gain,
        "predicted_speed_up": p.speed_up,
    }
