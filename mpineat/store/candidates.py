"""Candidates and their outcomes as tables and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from typing import Any

from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.store import confusions
from mpineat.store.columns import (
    BadValue,
    Columns,
    Table,
    Tables,
    columns_of,
    from_table,
    to_table,
)
from mpineat.store.genomes import Pool
from mpineat.store.networks import network_table, networks_from
from mpineat.store.numbers import context_from, number_tables, stages_from
from mpineat.tasks import LOST, Compressed, Epoch, Outcome, Seconds, Totals
from mpineat.wire import Count, NonNegative, Share

TABLE = "candidates/table"
CANDIDATE: dict[str, Any] = {
    "id": Count,
    "generation": Count,
    "blueprint": Count,
    "blueprint_row": Count,  # in blueprints/genomes
    "arrival": Count | None,  # place among the outcomes; -1: still to come
}
MODULES: Columns = {"candidate": Count, "species": Count, "module": Count, "module_row": Count}
# Kept in tables of their own, or under another name.
_APART = (
    "candidate",
    "network_before",
    "network_after",
    "compressed",
    "curve",
    "confusion",
    "seconds",
    "started",
    "context",
)
OUTCOME = columns_of(Outcome, but=_APART)
SECONDS: dict[str, Any] = {"seconds_queue": NonNegative, "seconds_total": NonNegative}
MORE: dict[str, Any] = {
    "started_unix_seconds": NonNegative,
    "structure_learned": bool,
    "step_seconds_before": NonNegative,
    "step_seconds_after": NonNegative,
}
CURVES: Columns = {"candidate": Count, **columns_of(Epoch)}
LAYERS: Columns = {
    "candidate": Count,
    "layer": str,
    "filters_before": Count | None,
    "filters_after": Count | None,
    "dead_at_start_share": Share | None,
    "removed_order": Count | None,  # place among the removed layers; -1: not removed
}
ALIVE: Columns = {"candidate": Count, "step": Count, "filters": Count}
# Fills the row of a candidate without an outcome.
_NONE = Outcome(candidate=-1, network_hash="", status="")


def candidate_tables(
    candidates: Sequence[Candidate],
    outcomes: Sequence[Outcome],
    modules: Pool[Module],
    blueprints: Pool[Blueprint],
) -> dict[str, Table]:
    """Return the tables below candidates/; genomes that only candidates hold go into the pools.

    Raises:
        ValueError: An outcome belongs to no candidate, or to one that has another outcome.
    """
    arrival = {outcome.candidate: place for place, outcome in enumerate(outcomes)}
    known = {candidate.id for candidate in candidates}
    if len(arrival) < len(outcomes) or not arrival.keys() <= known:
        raise ValueError("every outcome must belong to a candidate of its own")
    rows = []
    for candidate in candidates:
        place = arrival.get(candidate.id)
        outcome = _NONE if place is None else outcomes[place]
        steps = (0.0, 0.0) if outcome.compressed is None else outcome.compressed.step_seconds
        rows.append(
            (
                candidate.id,
                candidate.generation,
                candidate.blueprint.id,
                blueprints.row(candidate.blueprint),
                place,
                *(getattr(outcome, name) for name in OUTCOME),
                outcome.seconds.queue,
                outcome.seconds.total,
                outcome.started,
                outcome.compressed is not None,
                *steps,
            )
        )
    module_rows = [
        (candidate.id, species, module.id, modules.row(module))
        for candidate in candidates
        for species, module in candidate.modules
    ]
    curves = [
        (outcome.candidate, *(getattr(point, field.name) for field in fields(Epoch)))
        for outcome in outcomes
        for point in outcome.curve
    ]
    return {
        TABLE: to_table(CANDIDATE | OUTCOME | SECONDS | MORE, rows),
        "candidates/modules": to_table(MODULES, module_rows),
        "candidates/curves": to_table(CURVES, curves),
        "candidates/networks_before": network_table(outcomes, "network_before"),
        "candidates/networks_after": network_table(outcomes, "network_after"),
        confusions.PATH: confusions.confusion_table(outcomes),
        **number_tables(outcomes),
        **_compressed_tables(outcomes),
    }


def _compressed_tables(outcomes: Sequence[Outcome]) -> dict[str, Table]:
    layers, alive = [], []
    for outcome in outcomes:
        record = outcome.compressed
        if record is None:
            continue
        removed = {name: place for place, name in enumerate(record.removed)}
        for name in dict.fromkeys((*record.widths, *record.dead_at_start, *removed)):
            before, after = record.widths.get(name, (None, None))
            layers.append(
                (
                    outcome.candidate,
                    name,
                    before,
                    after,
                    record.dead_at_start.get(name),
                    removed.get(name),
                )
            )
        alive += [(outcome.candidate, step, filters) for step, filters in record.alive]
    return {
        "candidates/compressed_layers": to_table(LAYERS, layers),
        "candidates/alive_filters": to_table(ALIVE, alive),
    }


def candidates_from(
    tables: Tables, modules: Sequence[Module], blueprints: Sequence[Blueprint]
) -> tuple[tuple[Candidate, ...], tuple[Outcome, ...]]:
    """Return the candidates, and the outcomes in the order in which they came.

    Args:
        modules, blueprints: The pools that population_from returned.
    """
    ids, generations, _, blueprint_rows, _ = from_table(CANDIDATE, tables, TABLE)
    parts: dict[int, list[tuple[int, Module]]] = {}
    for candidate, species, _, row in zip(
        *from_table(MODULES, tables, "candidates/modules"), strict=True
    ):
        parts.setdefault(candidate, []).append((species, modules[row]))
    candidates = tuple(
        Candidate(number, generation, blueprints[row], tuple(parts.get(number, ())))
        for number, generation, row in zip(ids, generations, blueprint_rows, strict=True)
    )
    return candidates, outcomes_from(tables)


def totals_from(tables: Tables) -> Totals:
    """Return the totals of the outcomes, without making a value of each."""
    tables = {TABLE: _arrived(tables)}
    names = ("status", "reason", "accuracy", "metric", "flops_after", "reused_from", "start")
    columns = {"id": Count, **{name: OUTCOME[name] for name in names}, **SECONDS}
    found = from_table(columns, tables, TABLE)
    ids, status, reasons, accuracies, metrics, flops, reused, starts, _, seconds = found
    fits = [a if m is None else m for a, m in zip(accuracies, metrics, strict=True)]
    judged = [row for row, fitness in enumerate(fits) if fitness is not None]
    first = min(judged, key=lambda row: (-fits[row], flops[row], ids[row]), default=None)
    winner = None if first is None else {TABLE: tables[TABLE][first : first + 1]}
    return Totals(
        number=len(ids),
        trained=sum(s == "ok" and r is None for s, r in zip(status, reused, strict=True)),
        judged=len(judged),
        reused=len(reused) - reused.count(None),
        discarded=status.count("discarded"),
        fitness=sum(fits[row] for row in judged),
        flops=sum(flops[row] for row in judged),
        seconds=sum(s for s, r in zip(seconds, reused, strict=True) if r is None),
        began_anew=sum(map(starts.count, LOST)),
        reasons=Counter(r for r, s in zip(reasons, status, strict=True) if s == "failed"),
        best=None if winner is None else _outcomes(winner)[0],
    )


def figures_from(table: Table, networks: Collection[str]) -> tuple[Outcome, ...]:
    """Return the outcomes of some networks, by their hashes, without what other tables hold."""
    columns = {"arrival": CANDIDATE["arrival"], "network_hash": OUTCOME["network_hash"]}
    rows = enumerate(zip(*from_table(columns, {TABLE: table}, TABLE), strict=True))
    own = [row for row, (place, found) in rows if place is not None and found in networks]
    return _outcomes({TABLE: table[own]})


def _arrived(tables: Tables) -> Table:
    """Return the rows of candidates with an outcome, in the order of the outcomes."""
    [arrivals] = from_table({"arrival": CANDIDATE["arrival"]}, tables, TABLE)
    rows = {place: row for row, place in enumerate(arrivals) if place is not None}
    if sorted(rows) != list(range(len(arrivals) - arrivals.count(None))):
        raise BadValue(f"table {TABLE!r}: the arrivals are not those of one order")
    table: Table = tables[TABLE][[rows[place] for place in range(len(rows))]]
    return table


def outcomes_from(tables: Tables) -> tuple[Outcome, ...]:
    """Return the outcomes in the order in which they came, with what the tables hold of them."""
    return _outcomes({**tables, TABLE: _arrived(tables)})


def _outcomes(tables: Tables) -> tuple[Outcome, ...]:
    """Return the outcome of every row."""
    [ids] = from_table({"id": Count}, tables, TABLE)
    scalars = zip(*from_table(OUTCOME, tables, TABLE), strict=True)
    times = zip(*from_table(SECONDS, tables, TABLE), strict=True)
    stages, context = stages_from(tables), context_from(tables)
    more = zip(*from_table(MORE, tables, TABLE), strict=True)
    before, after = (
        networks_from(tables, f"candidates/networks_{name}") for name in ("before", "after")
    )
    curves: dict[int, list[Epoch]] = {}
    points = from_table(CURVES, tables, "candidates/curves", optional=True)
    for candidate, *point in zip(*points, strict=True):
        curves.setdefault(candidate, []).append(Epoch(**_named(Epoch, point)))
    records, matrices = _compressed_from(tables), confusions.confusions_from(tables)
    return tuple(
        Outcome(
            candidate=number,
            **dict(zip(OUTCOME, values, strict=True)),
            seconds=Seconds(queue=queue, total=total, stages=stages.get(number, {})),
            started=started,
            context=context.get(number, {}),
            network_before=before.get(number),
            network_after=after.get(number),
            compressed=Compressed(step_seconds=tuple(steps), **records.get(number, {}))
            if learned
            else None,
            curve=tuple(curves.get(number, ())),
            confusion=matrices.get(number, ()),
        )
        for number, values, (queue, total), (started, learned, *steps) in zip(
            ids, scalars, times, more, strict=True
        )
    )


def _named(cls: type, values: Iterable[Any]) -> dict[str, Any]:
    return dict(zip((field.name for field in fields(cls)), values, strict=True))


def _compressed_from(tables: Tables) -> dict[int, dict[str, Any]]:
    """Return, by candidate, the fields of Compressed that tables hold."""
    found: dict[int, dict[str, Any]] = {}

    def record(candidate: int) -> dict[str, Any]:
        return found.setdefault(
            candidate, {"widths": {}, "dead_at_start": {}, "removed": (), "alive": ()}
        )

    removed: dict[int, dict[int, str]] = {}
    for candidate, layer, before, after, dead, place in zip(
        *from_table(LAYERS, tables, "candidates/compressed_layers", optional=True), strict=True
    ):
        if before is not None:
            record(candidate)["widths"][layer] = (before, after)
        if dead is not None:
            record(candidate)["dead_at_start"][layer] = dead
        if place is not None:
            removed.setdefault(candidate, {})[place] = layer
    for candidate, places in removed.items():
        record(candidate)["removed"] = tuple(places[place] for place in sorted(places))
    for candidate, step, filters in zip(
        *from_table(ALIVE, tables, "candidates/alive_filters", optional=True), strict=True
    ):
        record(candidate)["alive"] += ((step, filters),)
    return found
