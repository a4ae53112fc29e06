"""Numbers by name that candidates have: the seconds of their stages, and their context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpineat.store.columns import Columns, Table, Tables, from_table, to_table
from mpineat.tasks import Outcome
from mpineat.wire import Count, Finite, NonNegative

STAGES_PATH, CONTEXT_PATH = "candidates/seconds", "candidates/context"
# A row each, in the order of the mapping that they are.
STAGES: Columns = {"candidate": Count, "stage": str, "seconds": NonNegative}
CONTEXT: Columns = {"candidate": Count, "name": str, "value": Finite}

Numbers = Mapping[int, Mapping[str, float]]  # candidate -> name -> number


def number_tables(outcomes: Sequence[Outcome]) -> dict[str, Table]:
    """Return the tables of what the outcomes have of it."""
    return {
        STAGES_PATH: _table(STAGES, {o.candidate: o.seconds.stages for o in outcomes}),
        CONTEXT_PATH: _table(CONTEXT, {o.candidate: o.context for o in outcomes}),
    }


def stages_from(tables: Tables) -> Numbers:
    """Return the seconds of each candidate's stages."""
    if STAGES_PATH in tables:
        return _numbers(STAGES, tables, STAGES_PATH)
    # Until commit 115d76e each of five stages had a column of its own, in their order.
    path = "candidates/table"
    columns: Columns = {
        name: NonNegative
        for name in tables[path].dtype.names or ()
        if name.startswith("seconds_") and name not in ("seconds_queue", "seconds_total")
    }
    names = [name.removeprefix("seconds_") for name in columns]
    ids, *spent = from_table({"id": Count, **columns}, tables, path)
    return {id: dict(zip(names, row, strict=True)) for id, *row in zip(ids, *spent, strict=True)}


def context_from(tables: Tables) -> Numbers:
    """Return each candidate's context; files until commit 115d76e have none."""
    return _numbers(CONTEXT, tables, CONTEXT_PATH)


def _table(columns: Columns, numbers: Numbers) -> Table:
    rows = [(candidate, *item) for candidate, its in numbers.items() for item in its.items()]
    return to_table(columns, rows)


def _numbers(columns: Columns, tables: Tables, path: str) -> Numbers:
    found: dict[int, dict[str, float]] = {}
    for candidate, name, value in zip(
        *from_table(columns, tables, path, optional=True), strict=True
    ):
        found.setdefault(candidate, {})[name] = value
    return found
