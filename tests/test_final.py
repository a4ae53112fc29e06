"""The final of whole searches: what it trains, and that it bears stops, damage, other options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mpineat
from mpineat import finalists, store
from mpineat.cluster.stop import Stop
from mpineat.config import Config
from mpineat.evaluations import Stopped
from mpineat.report import status
from mpineat.report.overview import overview
from mpineat.store import directory
from mpineat.store.journal import read
from tests.searches import CANDIDATES, GENERATIONS, configured, history, search

SEARCHED = GENERATIONS * CANDIDATES


def with_final(config: Config, **final: Any) -> Config:
    return config.model_copy(update={"final": config.final.model_copy(update=final)})


def halt(monkeypatch: pytest.MonkeyPatch, after: int, run_dir: Path) -> None:
    """Stop every search when so many trainings of its final are on disk."""

    def reason(stop: Stop) -> str | None:
        done = sum(line.kind == "final" for line in read(run_dir).lines)
        return "the test" if done >= after else None

    monkeypatch.setattr(Stop, "reason", reason)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("whole")
    search(run_dir, configured())
    return run_dir


def test_the_best_networks_are_trained_at_full_width_once_a_seed(whole: Path) -> None:
    run = store.read_run(whole)
    assert run.final is not None
    outcomes = run.final.outcomes
    assert [o.candidate for o in outcomes] == list(range(SEARCHED, SEARCHED + 4 * 2))
    assert run.final.number == GENERATIONS
    searched = [o for one in run.generations for o in one.outcomes]
    wanted = [o.network_hash for o in finalists.entrants(searched, 4)]
    assert [o.network_hash for o in outcomes[::2]] == wanted
    assert all(o.network_before == o.network_after for o in outcomes)
    assert [dict(o.context) for o in outcomes[:2]] == [
        {"epochs": 16, "seed": 0},
        {"epochs": 16, "seed": 1},
    ]
    assert all(len(o.curve) == 16 for o in outcomes)
    assert outcomes[0].accuracy != outcomes[1].accuracy


def test_none_of_it_where_it_is_off(tmp_path: Path, whole: Path) -> None:
    search(tmp_path, with_final(configured(), candidates=0))
    assert history(tmp_path) == history(whole)[:GENERATIONS]
    assert not (tmp_path / directory.FINAL).exists()
    assert overview(tmp_path).status == "finished"


@pytest.mark.parametrize("after", [0, 1, 5, 7])
@pytest.mark.parametrize("schedule", ["generational", "steady"])
def test_a_stop_within_it_is_resumed_in_it(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, after: int, schedule: str
) -> None:
    config = configured(schedule=schedule)
    with monkeypatch.context() as patch:
        halt(patch, after, tmp_path)
        if after:
            with pytest.raises(Stopped):
                search(tmp_path, config, workers=1)
        else:
            patch.setattr(Stop, "reason", lambda _: None)
            search(tmp_path, with_final(config, candidates=0), workers=1)
    known = {o.candidate for o in store.read_run(tmp_path).final_outcomes}
    assert len(known) >= after
    again = search(tmp_path, config, workers=1, order=3)
    assert sorted({*known, *again}) == list(range(SEARCHED, SEARCHED + 8))
    assert known.isdisjoint(again)
    *generations, final = history(tmp_path)
    searched = [outcome for one in generations for outcome in one.outcomes]
    wanted = [o.network_hash for o in finalists.entrants(searched, 4)]
    assert [o.network_hash for o in final.outcomes[::2]] == wanted
    if schedule == "generational":
        assert history(tmp_path) == history(whole)


def test_a_stopped_final_is_shown_with_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halt(monkeypatch, 3, tmp_path)
    with pytest.raises(Stopped):
        search(tmp_path, configured(), workers=1)
    view = overview(tmp_path)
    assert view.status == "stopped"
    assert view.best == finalists.winner(view.outcomes)
    done = sum(len(one.trained) for one in view.finalists)
    assert done >= 3
    assert f"in its final, {done} of at most 8 trainings done" in status.table(tmp_path)


def test_all_that_is_shown_is_won_by_the_best_mean(whole: Path) -> None:
    view, results = overview(whole), mpineat.open_run(whole)
    means = {one.found.candidate: one.mean for one in view.finalists}
    assert max(means, key=lambda number: means[number] or 0.0) == view.best.candidate
    assert results.best == view.best
    columns = results.table()
    shown = dict(zip(columns["id"], columns["final_accuracy"], strict=True))
    assert {number: mean for number, mean in shown.items() if mean is not None} == means
    text = status.table(whole)
    assert "final: 4 networks x 2 seeds, 16 epochs each, at full width" in text
    assert f"{means[view.best.candidate]:.4f} at full width, the mean of 2 trainings" in text
    values = status.as_json(whole)
    assert values["best"]["candidate"] == values["final"][0]["candidate"]
    assert len(values["final"][0]["accuracies"]) == 2


def test_ended_it_is_not_held_again(tmp_path: Path) -> None:
    search(tmp_path, configured())
    before = (tmp_path / directory.FINAL).read_bytes()
    assert search(tmp_path, configured(), workers=3) == []
    assert (tmp_path / directory.FINAL).read_bytes() == before


def test_the_loss_of_its_file_loses_no_training(tmp_path: Path, whole: Path) -> None:
    search(tmp_path, configured())
    path = tmp_path / directory.FINAL
    path.write_bytes(path.read_bytes()[:-9])
    assert any("final.h5" in problem for problem in store.read_run(tmp_path).problems)
    assert search(tmp_path, configured()) == []
    assert history(tmp_path) == history(whole)
    assert path.with_name(path.name + ".damaged").exists()


def test_more_finalists_and_seeds_later_repeat_no_training(tmp_path: Path) -> None:
    search(tmp_path, configured())
    before = {o.network_hash: o.accuracy for o in store.read_run(tmp_path).final_outcomes[::2]}
    assert len(search(tmp_path, with_final(configured(), candidates=5, seeds=3))) == 5 * 3 - 4 * 2
    after = store.read_run(tmp_path).final_outcomes
    assert len(after) == len({o.candidate for o in after}) == 15
    assert before.items() <= {o.network_hash: o.accuracy for o in after[::3]}.items()


def test_more_generations_later_are_those_of_a_longer_search(tmp_path: Path) -> None:
    """The ids of the first final's trainings are candidates' of the generation that follows."""
    search(tmp_path / "longer", configured(generations=GENERATIONS + 1))
    search(tmp_path, configured())
    trained = search(tmp_path, configured(generations=GENERATIONS + 1))
    assert history(tmp_path) == history(tmp_path / "longer")
    assert len([n for n in trained if n >= SEARCHED + CANDIDATES]) < 8  # some finalists stayed


def test_one_that_is_overtaken_by_more_generations_is_no_longer_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(tmp_path, configured())
    monkeypatch.setattr(Stop, "reason", lambda _: "the test")
    with pytest.raises(Stopped):
        search(tmp_path, configured(generations=GENERATIONS + 1), workers=1)
    view = overview(tmp_path)
    assert (view.status, view.finalists) == ("stopped", ())
