"""A search by another metric than accuracy, whole: who wins it, and the name that is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mpineat
from mpineat.child import dry_run
from mpineat.config import Config
from mpineat.evaluations import repeat
from mpineat.log import generation_row
from mpineat.report import page, status
from mpineat.report.overview import overview
from mpineat.report.results_formats import FORMATS
from mpineat.store import provenance
from tests.searches import GENERATIONS, configured, history, search

METRIC = "balanced_accuracy"
CELLS = ((0, 0, 90), (0, 1, 7), (1, 0, 1), (1, 1, 2))


def by_metric(**evolution: Any) -> Config:
    """Return a small dry-run configuration that is judged by another metric."""
    values = configured(**evolution).model_dump()
    del values["evolution"]["objectives"]
    values["training"]["metric"] = METRIC
    return Config.model_validate(values)


@pytest.fixture(autouse=True)
def upside_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the metric contradict the accuracy, and trainings of a final have a confusion matrix."""
    start = dry_run.start

    def begin(setup: Any) -> Any:
        device, evaluate = start(setup)

        def judged(task: Any) -> Any:
            outcome = evaluate(task)
            metric = None if outcome.metric is None else 1 - outcome.metric
            curve = [replace(p, val_metric=1 - p.val_metric) for p in outcome.curve]
            confusion = CELLS if "epochs" in task.context else ()
            return replace(outcome, metric=metric, curve=tuple(curve), confusion=confusion)

        return device, judged

    monkeypatch.setattr(dry_run, "start", begin)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    search(tmp_path / "run", by_metric())
    entry = provenance.describe(dataset={"class_names": ["ant", "<b>bee\x1b[2J"]})
    provenance.record(tmp_path / "run", entry)
    return tmp_path / "run"


@pytest.mark.parametrize("screen", [{}, {"early_discarding": "screen", "screen_share": 0.4}])
def test_any_number_of_workers_and_any_stop_give_the_same_history(
    tmp_path: Path, screen: dict[str, Any]
) -> None:
    for workers in (1, 3):
        search(tmp_path / str(workers), by_metric(**screen), workers=workers, order=workers)
    for generations in range(1, GENERATIONS + 1):
        search(tmp_path / "stopped", by_metric(**screen, generations=generations))
    wanted = history(tmp_path / "1")
    assert history(tmp_path / "3") == history(tmp_path / "stopped") == wanted
    assert [o.confusion for o in wanted[-1].outcomes] == [CELLS] * len(wanted[-1].outcomes)
    outcomes = [outcome for generation in wanted for outcome in generation.outcomes]
    full = [outcome.metric for outcome in outcomes if outcome.metric is not None]
    estimates = [outcome.estimate for outcome in outcomes if outcome.estimate is not None]
    assert bool(estimates) == bool(screen)
    assert all(estimate <= max(full) for estimate in estimates)


def test_fitness_finalists_and_winner_are_of_the_metric(run_dir: Path) -> None:
    view = overview(run_dir)
    found = [outcome for outcome in view.outcomes if outcome.metric is not None]
    assert view.totals.best == max(found, key=lambda o: (o.metric, -o.flops_after, -o.candidate))
    assert view.totals.best != max(found, key=lambda o: o.accuracy)
    assert view.totals.fitness == pytest.approx(sum(o.metric for o in found))
    fitness = view.states[0].blueprints.fitness
    first = view.run.generations[0]
    for candidate in first.candidates:
        own = [
            o.metric
            for o, c in zip(first.outcomes, first.candidates, strict=True)
            if c.blueprint.id == candidate.blueprint.id
        ]
        assert fitness[candidate.blueprint.id] == pytest.approx(sum(own) / len(own))
    means = {one.found.candidate: one.mean for one in view.finalists}
    assert view.best.candidate == max(means, key=lambda number: means[number])
    for one in view.finalists:
        assert one.mean == pytest.approx(sum(o.metric for o in one.trained) / 2)


def test_it_is_shown_under_its_own_name(run_dir: Path) -> None:
    view, won = overview(run_dir), overview(run_dir).best
    text = status.table(run_dir)
    assert "a validation balanced accuracy of" in text
    assert "accuracy of 0" in text
    value = status.as_json(run_dir)
    assert (value["metric"], value["best"][METRIC]) == (METRIC, won.metric)
    assert value["best"]["accuracy"] == won.accuracy
    assert value["final"][0][METRIC] == view.finalists[0].mean
    columns = mpineat.open_run(run_dir).columns()
    assert columns[METRIC].tolist() == [o.metric for o in view.outcomes]
    assert columns["accuracy"].tolist() == [o.accuracy for o in view.outcomes]
    assert f"final_{METRIC}" in columns
    assert "final_accuracy" not in columns
    assert f"val_{METRIC}" in mpineat.open_run(run_dir).curves()
    best_first = mpineat.open_run(run_dir).table(sort=METRIC)[METRIC]
    assert best_first == sorted(best_first, reverse=True)
    assert METRIC in FORMATS["table"](mpineat.open_run(run_dir).table())
    line = generation_row.candidate_text(won, METRIC)
    assert f"balanced accuracy {won.metric:.4f}, accuracy {won.accuracy:.4f}" in line


def test_the_page_shows_which_classes_the_winner_recognises(run_dir: Path) -> None:
    text = page.render(overview(run_dir))
    assert "Balanced accuracy against flops" in text
    assert ">balanced accuracy<" in text
    part = text[text.index("Which classes it recognises") :]
    part = part[: part.index("</table>")]
    assert "balanced accuracy 0.7973" in part  # (90/97 + 2/3) / 2
    assert "1 &lt;b&gt;bee\\x1b[2J" in part
    # Of two trainings of the final: 180 of 194, and 4 of 6.
    assert ">180<" in part
    assert "<td>0.6667</td><td>6</td>" in part


def test_of_many_classes_the_page_shows_the_worst(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = (*((label, label, 9) for label in range(30)), (29, 3, 5), (7, 8, 2))
    monkeypatch.setitem(globals(), "CELLS", many)
    search(run_dir.parent / "many", by_metric())
    text = page.render(overview(run_dir.parent / "many"))
    part = text[text.index("Which classes it recognises") : text.index('<section id="search">')]
    assert "The worst of 30 classes" in part
    rows = part.count("<tr>") - 2
    assert rows == 10 + 2
    assert "<td>class 29</td><td>class 3</td><td>10</td><td>28</td>" in part
    assert part.index("class 29") < part.index("class 7")


def test_an_equal_network_repeats_its_metric(run_dir: Path) -> None:
    generation = overview(run_dir).run.generations[0]
    one, candidate = generation.outcomes[0], generation.candidates[0]
    network = mpineat.open_run(run_dir).network(candidate.id, compressed=False)
    assert repeat(one, candidate, network).metric == one.metric
