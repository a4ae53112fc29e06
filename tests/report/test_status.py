"""Status: the same facts as text, as JSON values and while they change."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mpineat import store
from mpineat.errors import InputError
from mpineat.report import status
from mpineat.report.overview import Overview, look, sentences
from mpineat.store import now, provenance
from tests.report.views import earlier


def test_table_has_a_row_a_generation_and_the_result(finished_run: Path) -> None:
    text = status.table(finished_run)
    assert text.startswith(f"{finished_run}: finished, seed 7")
    rows = [line for line in text.splitlines() if line.split()[:1] in (["0"], ["1"], ["2"])]
    assert len(rows) == 3
    assert "The best of 36 networks reaches" in text


def test_json_is_plain_and_agrees_with_the_run(finished_run: Path, finished: Overview) -> None:
    value = json.loads(json.dumps(status.as_json(finished_run)))
    assert value["status"] == "finished"
    assert value["best"]["accuracy"] == finished.best.accuracy
    assert [row["generation"] for row in value["generations"]] == [0, 1, 2]
    assert value["running"] == []
    assert value["seconds_left"] == 0.0


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (("ant", "bee\x1b[2J\n"), "2 classes: ant, bee\\x1b[2J\\n"),
        (tuple(f"n{n:04}" for n in range(200)), "200 classes: n0000, n0001, "),
        (("0", "1"), ""),
    ],
)
def test_classes_are_named_from_the_run_directory(
    finished_run: Path, tmp_path: Path, names: tuple[str, ...], line: str
) -> None:
    run_dir = tmp_path / "copy"
    shutil.copytree(finished_run, run_dir)
    provenance.record(run_dir, provenance.describe(dataset={"class_names": names}))
    found = [text for text in status.table(run_dir).split("\n") if " classes: " in text]
    if line:
        (named,) = found
        assert named.startswith(line)
        assert len(named) < 170
        assert status.as_json(run_dir)["class_names"] == list(names)
    else:
        assert not found
        assert status.as_json(run_dir)["class_names"] == []


def test_follow_tells_each_change_once_and_ends_with_the_run(
    finished: Overview, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = [
        earlier(finished, "running", generations=1, evaluated=2),
        earlier(finished, "running", generations=1, evaluated=2),
        earlier(finished, "running", generations=1, evaluated=3),
        finished,
    ]
    monkeypatch.setattr(status, "look", lambda *_: views.pop(0))
    texts = list(status.follow(finished_run, sleep=lambda _: None))
    assert len(texts) == 3
    assert "candidate     99" in texts[0]
    assert ": finished" in texts[-1]


def test_nothing_is_written_while_looking(finished_run: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")}
    status.table(finished_run)
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")} == before


def test_outcome_of_the_winner_of_another_and_of_none(finished: Overview) -> None:
    assert finished.outcome(None) == finished.best
    assert finished.outcome(3).candidate == 3
    with pytest.raises(InputError, match="no such candidate"):
        finished.outcome(10_000)
    empty = earlier(finished, "stopped", generations=0, evaluated=0)
    with pytest.raises(InputError, match="no candidate has been trained yet"):
        empty.outcome(None)
    failed = replace(
        finished.run.generations[0].outcomes[0], status="failed", reason="nan", accuracy=None
    )
    with pytest.raises(InputError, match="failed: nan"):
        replace(empty, evaluated=(failed,)).outcome(failed.candidate)


def test_what_runs_now_survives_a_round_trip_and_damage(tmp_path: Path, finished: Overview) -> None:
    assert now.read(tmp_path) is None
    moment = earlier(finished, "running", generations=1, evaluated=1).moment
    assert moment is not None
    now.write(tmp_path, moment)
    found = now.read(tmp_path)
    assert found is not None
    assert found.running == moment.running
    (tmp_path / now.NAME).write_text('{"running": 3}')
    assert now.read(tmp_path) is None
    now.remove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_final_stands_the_same_in_summaries_and_in_whole_generations(
    finished_run: Path, finished: Overview
) -> None:
    summed = look(finished_run, store.read_summary)
    assert summed.finalists
    assert [(one.found.candidate, one.found.accuracy, one.mean) for one in summed.finalists] == [
        (one.found.candidate, one.found.accuracy, one.mean) for one in finished.finalists
    ]
    assert sentences(summed) == sentences(finished)
