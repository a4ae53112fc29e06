"""The report: one self-contained HTML page about a run, be it running, stopped or finished."""

from __future__ import annotations

import base64
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mpineat import __version__, files, metrics, units
from mpineat.config import yaml_file
from mpineat.data.reader import source
from mpineat.errors import shown
from mpineat.report import charts, page_confusion, page_tables, page_winner
from mpineat.report.overview import Overview, launch_times, sentences
from mpineat.report.timeline import Timeline, stages, timeline
from mpineat.store import Generation
from mpineat.store.directory import SHEET, write_durably

PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_SHEET = 1 << 24  # bytes; a picture of 200 classes has less
HERE = Path(__file__).parent
CONTENTS = {
    "winner": "Winner",
    "search": "Search",
    "time": "Time",
    "family": "Family",
    "candidates": "Candidates",
    "data": "Data",
    "configuration": "Configuration",
    "provenance": "Provenance",
}


def write(view: Overview[Generation], output: Path | None = None) -> Path:
    """Write the page and return its path, by default report.html in the run directory.

    Raises:
        StorageError: The page cannot be written.
    """
    path = output or view.run.path / "report.html"
    write_durably(path, render(view).encode())
    return path


def render(view: Overview[Generation]) -> str:
    """Return the page as text."""
    times = timeline(view.every_outcome, launch_times(view.run.launches), view.generation_of)
    found, cost = sentences(view)
    gantt = charts.gantt_chart(times)
    winner = page_winner.winner(view)
    families = page_winner.families(view)
    candidates = page_tables.candidates(view)
    sheet = _sheet(view.run.path)
    present = {"winner": winner, "family": families, "candidates": candidates, "data": sheet}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        version=__version__,
        css=Markup((HERE / "page.css").read_text("utf-8")),
        script=Markup((HERE / "page.js").read_text("utf-8")),
        title=f"{source(view.config.dataset.name).title}, seed {view.config.run.seed}",
        run_dir=str(view.run.path),
        status=view.status,
        found=found,
        cost=cost,
        problems=view.run.problems,
        tiles=list(_tiles(view, times)),
        contents=[item for item in CONTENTS.items() if present.get(item[0], True)],
        running=page_tables.running(view),
        winner=winner,
        final=page_tables.final(view),
        confusion=page_confusion.confusion(view),
        front=page_tables.front(view),
        charts=list(_charts(view)),
        generations=page_tables.generations(view),
        gantt=gantt and Markup(gantt),
        gantt_note=_gantt_note(times),
        spent=list(_spent(view, times)),
        failures=list(page_tables.failures(view)),
        counted=page_tables.counted(view),
        families=families,
        candidates=candidates,
        sheet=sheet,
        changed=list(page_tables.changed_options(view.config)),
        yaml=yaml_file.dumps(view.config).split("\n"),
        launches=[page_tables.launch(launch.entry) for launch in view.run.launches],
        written=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    )


def _sheet(run_dir: Path) -> str | None:
    """Return the picture of the classes as an address that holds it; None where there is none."""
    try:
        content = files.read(run_dir / SHEET)
    except OSError:
        return None
    if not content.startswith(PNG) or len(content) > LARGEST_SHEET:
        return None
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def _shown(value: Any) -> Any:
    """Return what the page shows of a value: names escaped, what is made of elements as it is."""
    named = isinstance(value, str) and not isinstance(value, Markup)
    return shown(value) if named else value


def _tiles(view: Overview[Generation], times: Timeline) -> Iterator[tuple[str, str, str]]:
    best, outcomes = view.best, view.every_outcome
    if best is not None:
        won = None if view.won is None else view.won.mean
        fitness = best.fitness if won is None else won
        title = f"validation {metrics.TITLES[view.config.training.metric]}"
        yield title, units.accuracy(fitness), f"candidate {best.candidate}"
        for name in ("flops", "parameters"):
            after, before = getattr(best, f"{name}_after"), getattr(best, f"{name}_before")
            if won is not None:
                yield (
                    name,
                    units.count(before),
                    f"at full width; {units.count(after)} in the search",
                )
                continue
            note = f"{units.share(after / before)} of {units.count(before)}" if before else ""
            yield name, units.count(after), note if after != before else "not compressed"
    trained = sum(o.status == "ok" and o.reused_from is None for o in outcomes)
    reused = sum(o.reused_from is not None for o in outcomes)
    failed = sum(o.status == "failed" for o in outcomes)
    discarded = sum(o.status == "discarded" for o in outcomes)
    anew = sum(o.began_anew for o in outcomes)
    more = f", {discarded} discarded early" if discarded else ""
    more += f", {anew} began with new weights for lost ones" if anew else ""
    yield "trainings", f"{trained:,}", f"{reused} reused, {failed} failed{more}"
    note = f"{len(view.rows)} of {view.config.evolution.generations} generations"
    yield "time", units.duration(view.seconds), note
    yield "busy share", units.share(times.busy_share), f"of {units.plural(view.workers, 'worker')}"


def _charts(view: Overview[Generation]) -> Iterator[tuple[str, str, Markup]]:
    measured = metrics.TITLES[view.config.training.metric]
    title = measured[:1].upper() + measured[1:]
    fitnesses = [
        (g.number, [o.fitness for o in g.outcomes if o.fitness is not None])
        for g in view.run.generations
    ]
    if view.evaluated:
        here = [o.fitness for o in view.evaluated if o.fitness is not None]
        fitnesses.append((view.generation, here))
    unfinished = " The last generation is still under way." if view.evaluated else ""
    figures = (
        (
            "Fitness by generation",
            f"{title} of the candidates that did not fail.{unfinished}",
            charts.fitness_chart(fitnesses, measured),
        ),
        (
            "Species over time",
            "One colour a species; the height is its number of members.",
            charts.species_chart(view.states),
        ),
        (
            f"{title} against flops",
            "Each dot a trained network; its grey twin is where it stood before compression.",
            charts.flops_chart(view.outcomes, view.generation_of, measured),
        ),
    )
    for heading, text, chart in figures:
        if chart is not None:
            yield heading, text, Markup(chart)


def _spent(view: Overview[Generation], times: Timeline) -> Iterator[dict[str, Any]]:
    total = times.seconds * len(times.busy)
    seconds: dict[str, float] = defaultdict(float)
    for outcome in view.every_outcome:
        if outcome.reused_from is None:
            for stage, spent in stages(outcome).items():
                seconds[stage] += spent
    seconds["idle"] = max(0.0, total - sum(seconds.values()))
    whole = sum(seconds.values())
    for stage, colour in charts.stage_colours(times.stages).items():
        if whole and seconds[stage] / whole >= 0.0005:
            yield {
                "name": stage.replace("_", " "),
                "flex": f"{seconds[stage] / whole:.4f}",
                "share": f"{100 * seconds[stage] / whole:.1f} %",
                "time": units.duration(seconds[stage]),
                "colour": colour,
            }


def _gantt_note(times: Timeline) -> str:
    texts = [f"Busy share of all ranks: {units.share(times.busy_share)}."]
    if len(times.busy) > charts.RANKS_AT_MOST:
        texts.append(f"The first {charts.RANKS_AT_MOST} of {len(times.busy)} ranks are shown.")
    if times.cuts:
        texts.append("A dashed line: the job was not running there; the pause is cut out.")
    return " ".join(texts)
