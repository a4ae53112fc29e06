"""The formats in which comparisons are printed."""

from __future__ import annotations

import csv
import io
import json

import pytest

from mpineat.experiments.comparison import Summary, compare
from mpineat.experiments.formats import FORMATS, as_csv, as_json, as_latex, as_markdown, as_text
from tests.experiments.experiments import experiment


@pytest.fixture
def summary() -> Summary:
    runs = [
        experiment(seed, compressed=compressed, minutes=10.0 if compressed else 20.0 + seed)
        for seed in range(3)
        for compressed in (False, True)
    ]
    return Summary(compare(runs), ("runs/other: no run of mpineat here or one folder below",))


def test_text_has_the_three_tables_in_aligned_columns(summary: Summary) -> None:
    text = as_text(summary)
    for number in (1, 2, 3):
        assert f"Table {number}." in text
    lines = text[text.index("Table 3.") :].splitlines()
    assert lines[3].startswith("digits ")
    assert "2.10 [2.00, 2.20]" in lines[3]
    assert len(lines[1]) == len(lines[3])


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_what_was_left_out_or_has_numbers_alone(
    form: str, summary: Summary
) -> None:
    assert ("runs/other" in FORMATS[form](summary)) == (form != "csv")


def test_markdown_tables_have_as_many_cells_in_every_row(summary: Summary) -> None:
    for block in as_markdown(summary).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_latex_escapes_what_tex_would_read(summary: Summary) -> None:
    text = as_latex(summary)
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 7
    assert r"accuracy, \%" in text
    assert "±" not in text


def test_csv_is_one_figure_a_line(summary: Summary) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(summary))))
    (speed_up,) = [row for row in rows if row["quantity"] == "speed_up"]
    assert float(speed_up["value"]) == pytest.approx(2.1)
    assert float(speed_up["low"]) < 2.1 < float(speed_up["high"])
    assert {row["group"] for row in rows} == {"plain", "compressed", "both"}


def test_json_has_every_run(summary: Summary) -> None:
    value = json.loads(as_json(summary))
    (comparison,) = value["comparisons"]
    assert comparison["speed_up"]["value"] == pytest.approx(2.1)
    assert [run["seed"] for run in comparison["plain"]["runs"]] == [0, 1, 2]
    assert comparison["prediction"]["gain_condition_holds"] is True
    assert value["notes"][0].startswith("runs/other")
