"""The formats in which comparisons are printed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mpineat.experiments.comparison import Summary, compare
from mpineat.experiments.formats import (
    FORMATS,
    Report,
    as_csv,
    as_json,
    as_latex,
    as_markdown,
    as_text,
)
from mpineat.experiments.thesis import report
from tests.experiments.experiments import experiment


@pytest.fixture
def summary() -> Report:
    runs = [
        experiment(seed, compressed=compressed, minutes=10.0 if compressed else 20.0 + seed)
        for seed in range(3)
        for compressed in (False, True)
    ]
    return report(
        Summary(compare(runs), ("runs/other: no run of mpineat here or one folder below",))
    )


def test_text_has_the_three_tables_in_aligned_columns(summary: Report) -> None:
    text = as_text(summary)
    for number in (1, 2, 3):
        assert f"Table {number}." in text
    lines = text[text.index("Table 3.") :].splitlines()
    assert lines[3].startswith("digits ")
    assert "2.10 [2.00, 2.20]" in lines[3]
    assert len(lines[1]) == len(lines[3])


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_what_was_left_out_or_has_numbers_alone(
    form: str, summary: Report
) -> None:
    assert ("runs/other" in FORMATS[form](summary)) == (form != "csv")


def test_markdown_tables_have_as_many_cells_in_every_row(summary: Report) -> None:
    for block in as_markdown(summary).split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


def test_latex_escapes_what_tex_would_read(summary: Report) -> None:
    text = as_latex(summary)
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 7
    assert r"accuracy, \%" in text
    assert "±" not in text


HOSTILE = "[x]\\input{etc|passwd}~^$ <b>*_`&amp; www.x\n=cmd()\x1b[31m\u202e"


@pytest.fixture
def hostile() -> Report:
    run = replace(experiment(compressed=False), path=Path(HOSTILE))
    (comparison,) = compare([run])
    return report(Summary((replace(comparison, label=HOSTILE),), (HOSTILE,)))


def test_names_are_text_in_latex(hostile: Report) -> None:
    shown = (
        r"{[}x{]}\textbackslash{}input\{etc\textbar{}passwd\}\textasciitilde{}"
        r"\textasciicircum{}\$ $<$b$>${*}\_`\&amp; www.x"
        r"\textbackslash{}n=cmd()\textbackslash{}x1b{[}31m\textbackslash{}u202e"
    )
    rows = [line for line in as_latex(hostile).splitlines() if "passwd" in line]
    assert all(line.startswith(("% [x]", shown)) for line in rows)
    assert rows[-1].startswith("% ")  # a note is a comment, of one line


def test_names_are_text_in_markdown(hostile: Report) -> None:
    shown = (
        r"\[x\]\\input{etc\|passwd}\~^\$ \<b\>\*\_\`\&amp; www\.x"
        r"\\n=cmd()\\x1b\[31m\\u202e"
    )
    rows = [line for line in as_markdown(hostile).splitlines() if "passwd" in line]
    assert all(line.startswith((f"| {shown} |", f"- {shown}")) for line in rows)
    assert r"- see http\://x" in as_markdown(replace(hostile, notes=("see http://x",)))


def test_names_are_one_line_that_no_terminal_obeys_in_text(hostile: Report) -> None:
    rows = [line for line in as_text(hostile).splitlines() if "passwd" in line]
    assert all(r"www.x\n=cmd()\x1b[31m\u202e" in line for line in rows)


@pytest.mark.parametrize("first", "=+-@")
def test_names_are_text_for_spreadsheets(first: str, hostile: Report) -> None:
    formula = f"{first}HYPERLINK(1)\x1b"
    figures = tuple((formula, *line[1:]) for line in hostile.figures)
    rows = csv.reader(io.StringIO(as_csv(replace(hostile, figures=figures))))
    assert {row[0] for row in rows} == {"data_set", rf"'{first}HYPERLINK(1)\x1b"}


def test_csv_is_one_figure_a_line(summary: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(summary))))
    (speed_up,) = [row for row in rows if row["quantity"] == "speed_up"]
    assert float(speed_up["value"]) == pytest.approx(2.1)
    assert float(speed_up["low"]) < 2.1 < float(speed_up["high"])
    assert {row["group"] for row in rows} == {"plain", "compressed", "both"}


def test_json_has_every_run(summary: Report) -> None:
    value = json.loads(as_json(summary))
    (comparison,) = value["comparisons"]
    assert comparison["speed_up"]["value"] == pytest.approx(2.1)
    assert [run["seed"] for run in comparison["plain"]["runs"]] == [0, 1, 2]
    assert comparison["prediction"]["gain_condition_holds"] is True
    assert value["notes"][0].startswith("runs/other")
