"""The confusion matrices of outcomes as a table and back: a row for each pair that occurred."""

from __future__ import annotations

from collections.abc import Sequence

from mpineat.store.columns import Columns, Table, Tables, from_table, to_table
from mpineat.tasks import Outcome
from mpineat.wire import Count, Label, Positive

PATH = "candidates/confusions"
COLUMNS: Columns = {"candidate": Count, "label": Label, "taken_for": Label, "images": Positive}


def confusion_table(outcomes: Sequence[Outcome]) -> Table:
    """Return what the outcomes have of it."""
    rows = [(outcome.candidate, *cell) for outcome in outcomes for cell in outcome.confusion]
    return to_table(COLUMNS, rows)


def confusions_from(tables: Tables) -> dict[int, tuple[tuple[int, int, int], ...]]:
    """Return the cells of each candidate's matrix; files of version 0.1 have none."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    for candidate, *cell in zip(*from_table(COLUMNS, tables, PATH, optional=True), strict=True):
        found.setdefault(candidate, []).append(tuple(cell))
    return {candidate: tuple(cells) for candidate, cells in found.items()}
