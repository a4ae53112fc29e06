"""Numbers by name that candidates have: the seconds of their stages, and their context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpineat.store.columns import Columns, Table, from_table, to_table
from mpineat.tasks import Outcome

# A row each, in the order of the mapping that they are.
STAGES: Columns = {"candidate": int, "stage": str, "seconds": float}
CONTEXT: Columns = {"candidate": int, "name": str, "value": float}

Numbers = Mapping[int, Mapping[str, float]]  # candidate -> name -> number


def number_tables(outcomes: Sequence[Outcome]) -> dict[str, Table]:
    """Return the tables of what the outcomes have of it."""
    return {
        "candidates/seconds": _table(STAGES, {o.candidate: o.seconds.stages for o in outcomes}),
        "candidates/context": _table(CONTEXT, {o.candidate: o.context for o in outcomes}),
    }


def stages_from(tables: Mapping[str, Table]) -> Numbers:
    """Return the seconds of each candidate's stages."""
    if "candidates/seconds" in tables:
        return _numbers(STAGES, tables["candidates/seconds"])
    # Until commit 115d76e each of five stages had a column of its own, in their order.
    table = tables["candidates/table"]
    columns: Columns = {
        name: float
        for name in table.dtype.names or ()
        if name.startswith("seconds_") and name not in ("seconds_queue", "seconds_total")
    }
    names = [name.removeprefix("seconds_") for name in columns]
    ids, *spent = from_table({"id": int, **columns}, table)
    return {id: dict(zip(names, row, strict=True)) for id, *row in zip(ids, *spent, strict=True)}


def context_from(tables: Mapping[str, Table]) -> Numbers:
    """Return each candidate's context; files until commit 115d76e have none."""
    found = tables.get("candidates/context")
    return {} if found is None else _numbers(CONTEXT, found)


def _table(columns: Columns, numbers: Numbers) -> Table:
    rows = [(candidate, *item) for candidate, its in numbers.items() for item in its.items()]
    return to_table(columns, rows)


def _numbers(columns: Columns, table: Table) -> Numbers:
    found: dict[int, dict[str, float]] = {}
    for candidate, name, value in zip(*from_table(columns, table), strict=True):
        found.setdefault(candidate, {})[name] = value
    return found
