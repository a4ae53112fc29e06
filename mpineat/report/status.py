"""`mpineat status`: generations so far, what runs now, when it will end; as text and as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from mpineat import finalists, metrics, store, units
from mpineat.errors import shown
from mpineat.log import generation_row
from mpineat.report.overview import Overview, look, overview, sentences
from mpineat.store.summary import Summary
from mpineat.tasks import Outcome

RUNNING_AT_MOST = FRONT_AT_MOST = 20  # lines; the JSON form holds all
CLASSES_AT_MOST = 160  # characters; the JSON form holds all


def table(run_dir: Path, *, clock: Callable[[], float] = time.time) -> str:
    """Return the state of a run as a few lines.

    Raises:
        InputError: There is no run.
    """
    return _text(look(run_dir, store.read_summary), clock())


def as_json(run_dir: Path) -> dict[str, Any]:
    """Return the state of a run as plain JSON values, for scripts.

    Raises:
        InputError: There is no run.
    """
    view = look(run_dir, store.read_summary)
    best, metric = view.best, view.config.training.metric
    return {
        "run_dir": str(view.run.path),
        "status": view.status,
        "metric": metric,
        "seed": view.config.run.seed,
        "workers": view.workers,
        "class_names": list(_class_names(view)),
        "generations_planned": view.config.evolution.generations,
        "candidates_per_generation": view.config.evolution.candidates,
        "generation": view.generation,
        "evaluated": view.judged,
        "screened": len(view.evaluated) - view.judged,
        "seconds": round(view.seconds, 1),
        "seconds_left": 0.0 if view.status == "finished" else view.left and view.left.seconds,
        "at_least": view.status != "finished" and view.left is not None and view.left.at_least,
        "best": None
        if best is None
        else {
            "candidate": best.candidate,
            "accuracy": best.accuracy,
            metric: best.fitness,
            "flops": best.flops_after,
            "flops_before": best.flops_before,
            "parameters": best.parameters_after,
        },
        "final": [
            {
                "candidate": one.found.candidate,
                "accuracy": one.mean_accuracy,
                "accuracies": [outcome.accuracy for outcome in one.trained],
                "accuracy_in_search": one.found.accuracy,
                metric: one.mean,
                f"{metric}_in_search": one.found.fitness,
                "flops": one.found.flops_before,
            }
            for one in view.finalists
        ],
        "front": [
            {
                "candidate": one.candidate,
                "accuracy": one.accuracy,
                metric: one.fitness,
                "flops": one.flops_after,
                "parameters": one.parameters_after,
            }
            for one in _front(view)
        ],
        "generations": [asdict(row) for row in view.rows],
        "running": [] if view.moment is None else [asdict(one) for one in view.moment.running],
        "problems": list(view.run.problems),
    }


def follow(
    run_dir: Path, *, every_seconds: float = 5.0, sleep: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Yield the table whenever its figures have changed, until the run does not go on.

    Raises:
        InputError: There is no run.
    """
    told: object = None
    # A finished generation never changes, and one process that looks on shall cost little.
    read = lru_cache(maxsize=None)(store.read_summary)
    while True:
        view = look(run_dir, read)
        running = () if view.moment is None else {r.candidate for r in view.moment.running}
        figures = (view.status, view.everything.number, view.generation, running)
        if figures != told:
            told = figures
            yield _text(view, time.time())
        if view.status != "running":
            return
        sleep(every_seconds)


def _text(view: Overview[Summary], time: float) -> str:
    return "\n".join(shown(line) for line in _lines(view, time))


def _lines(view: Overview[Summary], time: float) -> Iterator[str]:
    yield f"{view.run.path}: {view.status}, seed {view.config.run.seed}"
    yield from sentences(view)
    if names := _class_names(view):
        yield _classes_line(names)
    if view.rows:
        yield ""
        yield generation_row.HEADER_OF_PAST
        elapsed = 0.0
        for row in view.rows:
            elapsed += row.seconds
            yield generation_row.row_text(row, elapsed)
    if view.finalists:
        yield ""
        yield f"final: {finalists.described(view.config)}"
        for finalist in view.finalists:
            yield f"  {generation_row.finalist_text(finalist)}"
    yield from _front_lines(_front(view), view.config.evolution.objectives)
    if failures := generation_row.failures_text(view.everything.reasons):
        yield f"failed: {failures}"
    if anew := view.everything.began_anew:
        yield generation_row.anew_text(anew)
    if view.moment is not None:
        yield ""
        yield f"running, {view.moment.queued} more queued:"
        longest = sorted(view.moment.running, key=lambda one: one.since)
        for one in longest[:RUNNING_AT_MOST]:
            place = f"rank {one.rank} ({one.host}, {one.device})"
            yield f"  candidate {one.candidate:>6}  {units.duration(time - one.since):>9}  {place}"
        if len(longest) > RUNNING_AT_MOST:
            yield f"  and {len(longest) - RUNNING_AT_MOST} more"
    for problem in view.run.problems:
        yield f"problem: {problem}"


def _class_names(view: Overview[Summary]) -> tuple[str, ...]:
    """Return the names that the newest launch recorded, () where they only number the classes."""
    names = next((one.class_names for one in reversed(view.run.launches) if one.class_names), ())
    return () if all(name.isdecimal() for name in names) else names


def _classes_line(names: Sequence[str]) -> str:
    # Escaped before it is cut: an escape sequence is longer than what it stands for.
    text = f"{units.plural(len(names), 'class', 'classes')}: {shown(', '.join(names))}"
    return text if len(text) <= CLASSES_AT_MOST else f"{text[:CLASSES_AT_MOST]} ..."


def _front(view: Overview[Summary]) -> tuple[Outcome, ...]:
    """Return the front of a search for two objectives; whole generations are read for it."""
    return overview(view.run.path).front if len(view.config.evolution.objectives) > 1 else ()


def _front_lines(front: Sequence[Outcome], objectives: Sequence[str]) -> Iterator[str]:
    if not front:
        return
    yield ""
    named = metrics.TITLES[objectives[0]]
    both = " and ".join((named, *objectives[1:]))
    yield f"front of {both}: {units.plural(len(front), 'network')}"
    for one in front[:FRONT_AT_MOST]:
        yield (
            f"  candidate {one.candidate:>6}  {named} {units.accuracy(one.fitness)}  "
            f"{units.count(one.flops_after):>6} flops  "
            f"{units.count(one.parameters_after):>6} parameters"
        )
    if len(front) > FRONT_AT_MOST:
        yield f"  and {len(front) - FRONT_AT_MOST} more"
