"""Reports written as text, Markdown, LaTeX, CSV or JSON; names of runs are text in each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mpineat.errors import shown
from mpineat.experiments.statistics import Estimate, Spread
from mpineat.experiments.tables import TEXT_COLUMNS, Table
from mpineat.markdown import escaped
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is said about some runs, in any format.

    Attributes:
        notes: What a reader of the tables must know, one sentence an item.
        header, figures: Of the CSV: one line a figure, so that any program filters and pivots it.
        value: Of the JSON: every figure and every run.
    """

    tables: tuple[Table, ...]
    notes: tuple[str, ...]
    header: tuple[str, ...]
    figures: tuple[tuple[Any, ...], ...]
    value: Mapping[str, Any]


def as_text(report: Report) -> str:
    """Return aligned columns for a terminal."""
    blocks = [
        f"{table.title}\n{aligned(table.header, table.rows, TEXT_COLUMNS)}"
        for table in report.tables
        if table.rows
    ]
    if report.notes:
        blocks.append("\n".join(["Notes", *(f"- {shown(note)}" for note in report.notes)]))
    return "\n\n".join(blocks) + "\n"


def as_markdown(report: Report) -> str:
    """Return GitHub's pipe tables."""
    blocks = []
    for table in report.tables:
        if table.rows:
            rule = tuple("---" if name in TEXT_COLUMNS else "---:" for name in table.header)
            header, *rows = (tuple(map(escaped, row)) for row in (table.header, *table.rows))
            lines = "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))
            blocks.append(f"**{table.title}**\n\n{lines}")
    blocks += [f"- {escaped(note)}" for note in report.notes]
    return "\n\n".join(blocks) + "\n"


def as_latex(report: Report) -> str:
    r"""Return `table` environments that need no package; `\input` them."""
    blocks = []
    for table in report.tables:
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
    blocks += [f"% {shown(note)}" for note in report.notes]
    return "\n\n".join(blocks) + "\n"


def as_csv(report: Report) -> str:
    """Return one line a figure."""
    return comma_separated(report.header, report.figures)


def as_json(report: Report) -> str:
    """Return every figure and every run."""
    return json.dumps(report.value, indent=2) + "\n"


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "md": as_markdown,
    "csv": as_csv,
    "latex": as_latex,
    "json": as_json,
}


def _latex(text: str) -> str:
    return "".join(LATEX_SPECIAL.get(character, character) for character in shown(text))


def spread_json(spread: Spread | None) -> dict[str, Any] | None:
    """Return a spread for JSON."""
    if spread is None:
        return None
    return {
        "mean": spread.mean,
        "deviation": spread.deviation,
        "low": spread.low,
        "high": spread.high,
        "count": spread.count,
    }


def estimate_json(estimate: Estimate | None) -> dict[str, Any] | None:
    """Return an estimate for JSON."""
    if estimate is None:
        return None
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
