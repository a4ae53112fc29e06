"""Comparisons written as text, Markdown, LaTeX, CSV or JSON; names of runs are text in each."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from mpineat.errors import shown
from mpineat.experiments.comparison import Comparison, Group, Summary
from mpineat.experiments.experiment import Experiment
from mpineat.experiments.statistics import Estimate, Spread
from mpineat.experiments.tables import TEXT_COLUMNS, notes, tables
from mpineat.report.text_table import aligned, comma_separated

LATEX_SPECIAL = {c: f"\\{c}" for c in "%&_#${}"} | {
    "±": r"$\pm$",
    "<": "$<$",
    ">": "$>$",
    "|": r"\textbar{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "\\": r"\textbackslash{}",
    # At a row's beginning these would be an argument of the \\ that ended the row above.
    **{c: f"{{{c}}}" for c in "[]*"},
}
# GitHub's: emphasis, code, links, HTML, entities, cells, formulas, mentions, issues, addresses.
MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&#@]|:(?=//)|(?<=www)\.")


def as_text(summary: Summary) -> str:
    """Return aligned columns for a terminal."""
    blocks = [
        f"{table.title}\n{aligned(table.header, table.rows, TEXT_COLUMNS)}"
        for table in tables(summary.comparisons)
        if table.rows
    ]
    remarks = notes(summary)
    if remarks:
        blocks.append("\n".join(["Notes", *(f"- {shown(note)}" for note in remarks)]))
    return "\n\n".join(blocks) + "\n"


def as_markdown(summary: Summary) -> str:
    """Return GitHub's pipe tables."""
    blocks = []
    for table in tables(summary.comparisons):
        if table.rows:
            rule = tuple("---" if name in TEXT_COLUMNS else "---:" for name in table.header)
            header, *rows = (tuple(map(_markdown, row)) for row in (table.header, *table.rows))
            lines = "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))
            blocks.append(f"**{table.title}**\n\n{lines}")
    blocks += [f"- {_markdown(note)}" for note in notes(summary)]
    return "\n\n".join(blocks) + "\n"


def as_latex(summary: Summary) -> str:
    r"""Return `table` environments that need no package; `\input` them."""
    blocks = []
    for table in tables(summary.comparisons):
        if table.rows:
            columns = "".join("l" if name in TEXT_COLUMNS else "r" for name in table.header)
            body = " \\\\\n".join(" & ".join(map(_latex, row)) for row in table.rows)
            blocks.append(
                "\\begin{table}\n\\centering\n"
                f"\\caption{{{_latex(table.title)}}}\n"
                f"\\begin{{tabular}}{{{columns}}}\n\\hline\n"
                f"{' & '.join(map(_latex, table.header))} \\\\\n\\hline\n"
                f"{body} \\\\\n\\hline\n\\end{{tabular}}\n\\end{{table}}"
            )
    blocks += [f"% {shown(note)}" for note in notes(summary)]
    return "\n\n".join(blocks) + "\n"


def as_csv(summary: Summary) -> str:
    """Return one line a figure, so that any program filters and pivots it."""
    rows = (
        (comparison.label, *line)
        for comparison in summary.comparisons
        for line in _figures(comparison)
    )
    return comma_separated(("data_set", "group", "quantity", "value", "low", "high", "count"), rows)


def as_json(summary: Summary) -> str:
    """Return every figure and every run."""
    value = {
        "format": "mpineat-summary",
        "format_version": 1,
        "comparisons": [_comparison_json(comparison) for comparison in summary.comparisons],
        "notes": list(notes(summary)),
    }
    return json.dumps(value, indent=2) + "\n"


FORMATS: dict[str, Callable[[Summary], str]] = {
    "text": as_text,
    "md": as_markdown,
    "csv": as_csv,
    "latex": as_latex,
    "json": as_json,
}


def _markdown(text: str) -> str:
    return MARKDOWN_SPECIAL.sub(r"\\\g<0>", shown(text))


def _latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in shown(text))


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
        "speed_up": _estimate_json(comparison.speed_up),
        "degradation_percent_points": _estimate_json(comparison.degradation),
        "prediction": _prediction_json(comparison) or None,
        "notes": list(comparison.notes),
    }


def _group_json(group: Group | None) -> dict[str, Any] | None:
    if group is None:
        return None
    return {
        "minutes": _spread_json(group.minutes),
        "accuracy_percent": _spread_json(group.accuracy),
        "winner_accuracy_percent": _spread_json(group.best),
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


def _spread_json(spread: Spread | None) -> dict[str, Any] | None:
    if spread is None:
        return None
    return {
        "mean": spread.mean,
        "deviation": spread.deviation,
        "low": spread.low,
        "high": spread.high,
        "count": spread.count,
    }


def _estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
