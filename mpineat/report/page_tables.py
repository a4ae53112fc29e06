"""The page's tables: generations, candidates, failures, changed options, launches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from mpineat import finalists, metrics, units
from mpineat.config import Config
from mpineat.config.difference import changed
from mpineat.config.yaml_file import options
from mpineat.log import generation_row
from mpineat.report.overview import Overview
from mpineat.store import Generation
from mpineat.tasks import Outcome

LISTED_AT_MOST = 2000  # candidates: the page stays below 3 MB
RUNNING_AT_MOST = 50
# Name, title and unit of the outcome's fields that have one: tasks.column.
COLUMNS = [
    (item.name, item.metadata["title"], item.metadata["unit"])
    for item in fields(Outcome)
    if item.metadata
]


def running(view: Overview[Generation]) -> dict[str, Any] | None:
    """Return the evaluations under way, the longest first; None unless the run goes on."""
    moment = view.moment
    if moment is None:
        return None
    longest = sorted(moment.running, key=lambda one: one.since)
    shown = longest[:RUNNING_AT_MOST]
    note = f"{len(longest):,} under way, {moment.queued:,} more queued, when this page was written."
    if len(shown) < len(longest):
        note += f" The {len(shown)} longest are shown."
    lines = [
        [str(r.candidate), units.duration(moment.time - r.since), str(r.rank), r.host, r.device]
        for r in shown
    ]
    return {"rows": lines, "note": note}


def generations(view: Overview[Generation]) -> dict[str, Any] | None:
    """Return the rows of the log; None before the first generation ended."""
    if not view.rows:
        return None
    lines, elapsed = [], 0.0
    for row in view.rows:
        elapsed += row.seconds
        lines.append(generation_row.cells(row, elapsed))
    return {"head": list(generation_row.COLUMNS)[: len(lines[0])], "rows": lines}


def final(view: Overview[Generation]) -> dict[str, Any] | None:
    """Return how the finalists stand; None before the final."""
    if not view.finalists:
        return None
    lines = [
        [
            str(one.found.candidate),
            units.accuracy(one.mean),
            ", ".join(o.reason or units.accuracy(o.fitness) for o in one.trained),
            units.accuracy(one.found.fitness),
            units.count(one.found.flops_before),
        ]
        for one in view.finalists
    ]
    title = metrics.TITLES[view.config.training.metric]
    head = ["candidate", f"mean {title}", "of", "in the search", "flops"]
    return {"head": head, "rows": lines, "note": f"{finalists.described(view.config)}."}


def front(view: Overview[Generation]) -> dict[str, Any] | None:
    """Return the networks on the front; None where there is one objective alone."""
    if not view.front:
        return None
    lines = [
        [
            str(one.candidate),
            units.accuracy(one.fitness),
            units.count(one.flops_after),
            units.count(one.parameters_after),
        ]
        for one in view.front
    ]
    first, *others = view.config.evolution.objectives
    chosen = " and ".join((metrics.TITLES[first], *others))
    note = f"Nothing found is better in both {chosen}; `export --candidate` writes any of them."
    head = ["candidate", f"{metrics.TITLES[first]} in the search", "flops", "parameters"]
    return {"head": head, "rows": lines, "note": note}


def failures(view: Overview[Generation]) -> Iterator[dict[str, Any]]:
    """Yield each reason, most frequent first, with an example's detail."""
    failed = [outcome for outcome in view.every_outcome if outcome.status == "failed"]
    reasons = Counter(outcome.reason for outcome in failed)
    for reason, number in reasons.most_common():
        example = next(o.detail for o in failed if o.reason == reason)
        width = round(100 * number / reasons.most_common(1)[0][1])
        yield {"reason": reason, "number": number, "width": width, "example": example}


def counted(view: Overview[Generation]) -> str:
    """Return what evolution did and what it rejected, summed over the generations."""
    total: Counter[str] = Counter()
    for state in view.states:
        total.update(state.counts)
    return ", ".join(
        f"{number:,} {name.replace('_', ' ')}" for name, number in total.most_common() if number
    )


def candidates(view: Overview[Generation]) -> dict[str, Any] | None:
    """Return every candidate's figures, the best first, each with the key that it sorts by."""
    outcomes = sorted(view.outcomes, key=lambda o: (-(o.fitness or -1.0), o.candidate))
    if not outcomes:
        return None
    best, generation_of = view.best, view.generation_of
    shown = outcomes[:LISTED_AT_MOST]
    note = f"{len(outcomes):,}; press a heading to sort."
    if len(shown) < len(outcomes):
        note = f"The best {len(shown):,} of {len(outcomes):,}; press a heading to sort."
    table, metric = [], view.config.training.metric
    columns = [each for each in COLUMNS if each[0] != "metric" or metric != metrics.ACCURACY]
    for o in shown:
        result = o.reason or (o.status if o.reused_from is None else f"same as {o.reused_from}")
        cells = [
            (str(o.candidate), o.candidate),
            (str(generation_of[o.candidate]), generation_of[o.candidate]),
            *(_cell(getattr(o, name), unit) for name, _, unit in columns),
            (f"{o.seconds.total:.1f}", round(o.seconds.total, 2)),
            (result, result),
        ]
        table.append({"cells": cells, "winner": best is not None and o.candidate == best.candidate})
    titles = [
        (title if name != "metric" else metrics.TITLES[metric], unit)
        for name, title, unit in columns
    ]
    head = [("id", ""), ("generation", ""), *titles, ("seconds", "s"), ("result", "")]
    return {"head": head, "rows": table, "note": note}


def _cell(value: Any, unit: str) -> tuple[str, object]:
    """Return the text of an outcome's field, and the key that it sorts by."""
    if value is None:
        return "-", ""
    if isinstance(value, float):
        return f"{value:.4f}", round(value, 6)
    return (units.count(value) if unit else str(value)), value


def changed_options(config: Config) -> Iterator[dict[str, str]]:
    """Yield the options that differ from their defaults."""
    meanings = {name: meaning for name, _, _, meaning in options()}
    for name, (value, usual) in changed(config, Config()).items():
        yield {
            "name": name,
            "value": _plain(value),
            "default": _plain(usual),
            "meaning": meanings[name],
        }


def _plain(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def launch(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return one entry of provenance.json as a heading and (name, text) pairs."""
    facts = []
    for name, value in entry.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {item}" for key, item in value.items())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = (" " if name == "command" else ", ").join(map(str, value))
        if value not in ("", None) and name != "launch":
            facts.append((name, str(value)))
    return {
        "when": f"{entry.get('started', '')} on {entry.get('host', 'an unknown host')}",
        "facts": facts,
    }
