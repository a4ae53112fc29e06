"""The table of candidates as CSV, as JSON, and as columns for a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence

from mpineat import metrics
from mpineat.report.text_table import Value, aligned, comma_separated

Columns = Mapping[str, Sequence[Value]]

# What fits side by side on a terminal; the other formats hold every column.
SHOWN = (
    *("id", "generation", "status", "reason"),
    *metrics.TITLES,  # those that there are
    *(f"final_{name}" for name in metrics.TITLES),
    *(
        "loss",
        "flops_before",
        "flops_after",
        "parameters_after",
        "seconds_total",
        "rank",
        "blueprint",
        "reused_from",
    ),
)


def as_csv(columns: Columns) -> str:
    """Return a line a candidate."""
    # pandas and R take the text "nan", a reason of failure, for a missing value.
    reasons = ["nan_loss" if reason == "nan" else reason for reason in columns["reason"]]
    return comma_separated(columns, zip(*{**columns, "reason": reasons}.values(), strict=True))


def as_json(columns: Columns) -> str:
    """Return an array of objects, one a line, in strict JSON; what is no number is null."""
    rows = zip(*columns.values(), strict=True)
    lines = (json.dumps(dict(zip(columns, map(_finite, row), strict=True))) for row in rows)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def as_table(columns: Columns) -> str:
    """Return the columns that tell candidates apart."""
    names = [name for name in SHOWN if name in columns]
    rows = list(zip(*(map(_cell, columns[name]) for name in names), strict=True))
    return aligned(names, rows, left=("status", "reason")) + "\n"


FORMATS: dict[str, Callable[[Columns], str]] = {
    "table": as_table,
    "csv": as_csv,
    "json": as_json,
}


def _finite(value: Value) -> Value:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Value) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
