"""A search for two objectives, whole: its final, and what is shown of its front."""

from __future__ import annotations

from pathlib import Path

import pytest

import mpineat
from mpineat import objectives, store
from mpineat.report import page, status
from mpineat.report.overview import overview
from tests.searches import GENERATIONS, configured, history, search

BOTH = ("accuracy", "flops")
LEARNING = ("codeepneat", "deepneat", "regularized_evolution")
EARLY = {"regularized_evolution": {"population": 5, "sample": 2}}  # past its random beginning


@pytest.mark.parametrize("strategy", LEARNING)
def test_any_number_of_workers_and_any_stop_give_the_same_history(
    tmp_path: Path, strategy: str
) -> None:
    options = {"strategy": strategy, "objectives": BOTH, **EARLY}
    for workers in (1, 3):
        search(tmp_path / str(workers), configured(**options), workers=workers, order=workers)
    for generations in range(1, GENERATIONS + 1):
        search(tmp_path / "stopped", configured(**options, generations=generations))
    wanted = history(tmp_path / "1")
    assert history(tmp_path / "3") == history(tmp_path / "stopped") == wanted
    alone = tmp_path / "alone"
    search(alone, configured(strategy=strategy, **EARLY))
    assert [g.candidates for g in history(alone)] != [g.candidates for g in wanted]


@pytest.fixture(scope="module", params=["codeepneat", "random", "regularized_evolution"])
def run_dir(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    path = tmp_path_factory.mktemp(request.param)
    search(path, configured(strategy=request.param, objectives=BOTH))
    return path


def test_the_finalists_lie_along_the_front(run_dir: Path) -> None:
    view = overview(run_dir)
    on_front = {o.network_hash for o in view.front}
    assert len(view.front) >= 2
    finalists = {one.found.network_hash for one in view.finalists}
    assert len(finalists) == view.config.final.candidates
    # The ends of the front first; where it is short, the next front fills the places.
    assert {view.front[0].network_hash, view.front[-1].network_hash} <= finalists
    assert finalists <= on_front or on_front <= finalists


def test_status_lists_the_front(run_dir: Path) -> None:
    front = overview(run_dir).front
    text = status.table(run_dir)
    assert f"front of accuracy and flops: {len(front)} networks" in text
    assert f"candidate {front[-1].candidate:>6}  accuracy {front[-1].accuracy:.4f}" in text
    shown = status.as_json(run_dir)["front"]
    assert [one["candidate"] for one in shown] == [o.candidate for o in front]
    assert shown == sorted(shown, key=lambda one: -one["flops"])


def test_results_mark_the_front(run_dir: Path) -> None:
    results = mpineat.open_run(run_dir)
    table = results.table()
    marked = [id for id, front in zip(table["id"], table["front"], strict=True) if front]
    assert sorted(o.candidate for o in results.front) == sorted(marked)
    assert results.columns()["front"].sum() == len(marked)


def test_the_page_shows_the_front(run_dir: Path) -> None:
    view = overview(run_dir)
    text = page.render(view)
    assert "<h3>The front</h3>" in text
    assert all(f"<td>{o.candidate}</td>" in text for o in view.front)


def test_any_of_the_front_can_be_exported(run_dir: Path) -> None:
    """`export --candidate` takes what this gives."""
    view = overview(run_dir)
    assert all(view.outcome(o.candidate).network_after is not None for o in view.front)


def test_with_accuracy_alone_there_is_no_front(tmp_path: Path) -> None:
    search(tmp_path, configured())
    assert overview(tmp_path).front == ()
    assert "front of" not in status.table(tmp_path)
    assert status.as_json(tmp_path)["front"] == []
    run = store.read_run(tmp_path)
    everyone = [o for g in run.generations for o in g.outcomes]
    assert [o.candidate for o in mpineat.open_run(tmp_path).front] == [
        objectives.best_first(everyone, ["accuracy"])[0].candidate
    ]
