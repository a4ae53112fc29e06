"""The page: complete, self-contained, safe, and there for a run in any state."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mpineat.errors import InputError
from mpineat.report import page
from mpineat.report.overview import Overview, overview
from mpineat.store.directory import SHEET
from mpineat.store.provenance import Launch
from mpineat.tasks import Outcome
from tests.report.views import earlier

# HTML elements that have no end tag.
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """Collects what the tests ask about and fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[str] = []
        self.addresses: list[str] = []
        self.rows = 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "section":
            self.sections.append(values["id"] or "")
        self.rows += tag == "tr" and "candidates" in self.sections[-1:]
        self.addresses += [
            value
            for name, value in attrs
            if value and name in ("src", "href", "xlink:href", "srcset", "action", "data")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value for name, value in attrs if value and name == "xlink:href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_of_a_finished_run_has_every_part(finished: Overview) -> None:
    outline = Outline(page.render(finished))
    assert outline.sections == [
        *("winner", "search", "time", "family", "candidates"),
        *("data", "configuration", "provenance"),
    ]
    assert outline.rows == 1 + len(finished.outcomes)


def test_page_shows_the_classes_that_the_run_has_drawn(finished: Overview) -> None:
    sheet = finished.run.path / SHEET
    drawn = sheet.read_bytes()
    outline = Outline(page.render(finished))
    assert any(a.startswith("data:image/png;base64,iVBOR") for a in outline.addresses)
    try:
        sheet.write_bytes(b"<script>")
        assert "data" not in Outline(page.render(finished)).sections
    finally:
        sheet.write_bytes(drawn)


def test_page_asks_nothing_of_the_network(finished: Overview) -> None:
    text = page.render(finished)
    assert all(a.startswith(("#", "data:")) for a in Outline(text).addresses)
    assert not re.search(r"@import|url\((?!#)", text)
    # And the browser refuses what would slip in later.
    assert "default-src 'none'; style-src 'unsafe-inline'" in text


def test_page_says_the_result_and_marks_the_winner(finished: Overview) -> None:
    text = page.render(finished)
    mean = max(finalist.mean or 0.0 for finalist in finished.finalists)
    assert f"reaches a validation accuracy of {mean:.4f} at full width" in text
    candidates = text[text.index('<section id="candidates">') :]
    first_row = candidates[candidates.index('<tr class="best">') :]
    assert f'data-key="{finished.best.candidate}"' in first_row[:200]


def test_every_column_of_the_outcome_heads_a_column_of_the_page(finished: Overview) -> None:
    text = page.render(finished)
    head = text[text.index('<section id="candidates">') :].split("</thead>")[0]
    titles = [field.metadata["title"] for field in fields(Outcome) if field.metadata]
    titles.remove("metric")  # of runs with another one than accuracy
    assert "accuracy" in titles
    assert re.findall(r"<button[^>]*>([^<]*)<", head) == [
        *("id", "generation", *titles, "seconds", "result")
    ]
    assert '<th aria-sort="none" title="nats"><button type="button">loss' in head


def test_drawing_shows_every_layer_with_both_widths(finished: Overview) -> None:
    best = finished.best
    text = page.render(finished)
    layers = best.network_before["layers"]
    drawing = text[text.index('aria-label="network"') :].split("</svg>")[0]
    assert drawing.count("<g class=") == 1 + len(layers)
    after = {layer["name"]: layer for layer in best.network_after["layers"]}
    changed = [
        (layer["filters"], after[layer["name"]]["filters"])
        for layer in layers
        if "filters" in layer and layer["filters"] != after[layer["name"]]["filters"]
    ]
    assert changed
    assert all(f"{wide} → {narrow}" in drawing for wide, narrow in changed)


def test_running_run_shows_what_runs_and_what_is_left(finished: Overview) -> None:
    view = earlier(finished, "running", generations=1, evaluated=4)
    text = page.render(view)
    assert Outline(text).sections[0] == "running"
    assert "<td>99</td><td>0:42</td><td>1</td><td>node7</td>" in text
    assert "about 1:01 are left" in text
    assert f"{view.judged} of 12 candidates evaluated" in text


def test_stopped_run_says_how_to_continue(finished: Overview) -> None:
    text = page.render(earlier(finished, "stopped", generations=2, evaluated=0))
    assert "--resume continues it" in text
    assert "Running now" not in text


@pytest.mark.parametrize("evaluated", [0, 1])
def test_run_without_a_finished_generation_has_a_page(finished: Overview, evaluated: int) -> None:
    view = earlier(finished, "running", generations=0, evaluated=evaluated)
    sections = Outline(page.render(view)).sections
    assert ("candidates" in sections) == bool(evaluated)


def test_failures_are_counted_and_what_they_say_is_escaped(finished: Overview) -> None:
    failed = tuple(
        replace(
            outcome,
            status="failed",
            fault="candidate",
            reason="error",
            detail="<script>alert(1)</script>",
            accuracy=None,
        )
        for outcome in finished.run.generations[1].outcomes[:3]
    )
    view = earlier(finished, "stopped", generations=1, evaluated=0)
    text = page.render(replace(view, evaluated=failed))
    assert '<th>error</th><td class="number">3</td>' in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_page_of_thousands_of_candidates_stays_below_3_mb(finished: Overview) -> None:
    (generation,) = finished.run.generations[:1]
    many = tuple(
        replace(
            generation.outcomes[i % 12],
            candidate=i,
            rank=i % 64,
            started=1_000_000.0 + i,
            accuracy=(i * 37 % 1000) / 1000,
        )
        for i in range(6000)
    )
    run = replace(finished.run, generations=(replace(generation, outcomes=many),))
    text = page.render(replace(finished, run=run, rows=finished.rows[:1]))
    assert len(text.encode()) < 3_000_000
    assert "The best 2,000 of 6,000" in text


def test_page_lies_in_the_run_directory_unless_told_otherwise(
    finished: Overview, tmp_path: Path
) -> None:
    assert page.write(finished) == finished.run.path / "report.html"
    other = page.write(finished, tmp_path / "page.html")
    assert other.read_text().startswith("<!doctype html>")


def test_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        overview(tmp_path)


def test_names_are_shown_and_nothing_in_them_obeyed(finished: Overview) -> None:
    hostile = "<script>alert(1)</script>\"'>\x1b[31m\n\u202egnp.exe\udcff"
    best = finished.best
    assert best is not None
    assert best.network_before is not None
    network = {
        **best.network_before,
        "layers": [dict(layer) for layer in best.network_before["layers"]],
    }
    renamed = network["layers"][0]["name"]
    network["layers"][0]["name"] = hostile
    for layer in network["layers"]:
        layer["inputs"] = [hostile if name == renamed else name for name in layer["inputs"]]
    winner = replace(best, host=hostile, device=hostile, network_before=network)
    failed = replace(
        finished.outcomes[-1], status="failed", reason=hostile, detail=hostile, accuracy=None
    )
    view = earlier(finished, "stopped", generations=0, evaluated=0)
    entry = {"host": hostile, "started": hostile, "batch": {hostile: hostile}}
    launch = Launch(
        run_id="", started=None, ranks=1, version="", evaluated=None, end="", entry=entry
    )
    options = finished.config.dataset.model_copy(update={"path": hostile})
    view = replace(
        view,
        evaluated=(winner, failed),
        config=finished.config.model_copy(update={"dataset": options}),
        run=replace(view.run, path=Path(hostile), problems=(hostile,), launches=(launch,)),
    )
    text = page.render(view)
    Outline(text)
    assert text.count("<script") == 1
    assert not {"\x1b", "\u202e", "\udcff"} & set(text)
    assert r"&#39;&gt;\x1b[31m\n\u202egnp.exe\udcff" in text
    assert r"&#x27;&gt;\x1b[31m\n\u202egnp.exe\udcff" in text  # in a drawing
