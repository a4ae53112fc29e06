"""Searches that pass weights on: which files are there when, and what the loss of one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpineat import store, weights
from mpineat.child import dry_run
from mpineat.child.messages import Setup
from mpineat.config import Config
from mpineat.phenotype.assemble import build_network
from mpineat.phenotype.growth import grown_from
from mpineat.report import page, status
from mpineat.report.overview import overview
from mpineat.store import directory
from mpineat.tasks import Outcome, Task
from tests.searches import CANDIDATES, GENERATIONS, configured, history, search
from tests.test_search_laws import Crash, Power, power

__all__ = ["power"]  # a fixture

PARENTS = 2
CONFIG = configured(strategy="morphism", morphism={"parents": PARENTS})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a run directory whose evaluations read and leave files, small ones."""
    run_dir = tmp_path / "run"
    of_files(monkeypatch, run_dir)
    return run_dir


def of_files(monkeypatch: pytest.MonkeyPatch, run_dir: Path) -> None:
    start = dry_run.start

    def begin(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
        device, evaluate = start(setup)
        where = run_dir / directory.WEIGHTS

        def with_files(task: Task) -> Outcome:
            outcome, began = evaluate(task), "new"
            if task.start is not None:
                try:
                    weights.read(where, task.start.weights)
                    began = "inherited"
                except FileNotFoundError:
                    began = "gone"
                except weights.Damaged:
                    began = "damaged"
            left = {"a": np.array([task.seed, len(began)], np.float64)} if task.keep_weights else {}
            name = weights.write(where, left) if left else ""
            return replace(outcome, start=began, weights=name)

        return device, with_files

    monkeypatch.setattr(dry_run, "start", begin)


def left(run_dir: Path) -> set[str]:
    return {path.stem for path in (run_dir / directory.WEIGHTS).iterdir()}


def starts(run_dir: Path) -> list[str]:
    return [o.start for one in history(run_dir)[:GENERATIONS] for o in one.outcomes]


def test_children_find_their_parents_weights_and_the_folder_stays_small(folder: Path) -> None:
    search(folder, CONFIG, workers=3)
    later = (GENERATIONS - 1) * CANDIDATES
    assert starts(folder) == ["new"] * CANDIDATES + ["inherited"] * later
    final = history(folder)[-1]
    assert {(o.start, o.weights) for o in final.outcomes} == {("new", "")}
    generations = store.read_run(folder).generations
    everything = [o for one in generations for o in one.outcomes]
    best = sorted(everything, key=lambda o: (-(o.accuracy or 0), o.candidate))
    assert {o.weights for o in best[:PARENTS]} <= left(folder)
    assert len(left(folder)) <= 2 * PARENTS
    # Whose weights they are is in the generations alone.
    owners = {o.weights: o.candidate for o in everything}
    for one in generations[1:]:
        for candidate, outcome in zip(one.candidates, one.outcomes, strict=True):
            assert candidate.blueprint.parents == (owners[outcome.parent_weights],)


def test_every_child_can_compute_what_its_parent_does(folder: Path) -> None:
    search(folder, CONFIG)
    found = [c for one in store.read_run(folder).generations for c in one.candidates]
    networks = {
        c.id: build_network(c, input_shape=(8, 8, 1), classes=10, config=CONFIG) for c in found
    }
    children = [c for c in found if c.blueprint.parents]
    assert len(children) == (GENERATIONS - 1) * CANDIDATES
    for child in children:
        taken = grown_from(networks[child.blueprint.parents[0]], networks[child.id])
        assert set(taken) == {y.name for y in networks[child.id].layers if y.width}


def test_a_crash_at_any_moment_finds_the_weights_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, power: Power
) -> None:
    search(folder, CONFIG)
    whole, crashed = history(folder), tmp_path / "crashed"
    of_files(monkeypatch, crashed)
    for crash in range(99):
        power.fail_after(15)
        try:
            search(crashed, CONFIG, workers=3, order=crash)
            break
        except Crash:
            continue
    power.restore()
    assert crash > 3
    assert history(crashed) == whole
    assert left(crashed) == left(folder)


def test_the_loss_of_the_newest_generation_finds_the_weights_it_began_with(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(folder, CONFIG)
    whole, damaged = history(folder), tmp_path / "damaged"
    of_files(monkeypatch, damaged)
    search(damaged, configured(strategy="morphism", morphism={"parents": PARENTS}, generations=2))
    directory.generation_path(damaged, 1).write_bytes(b"")
    (damaged / directory.JOURNAL_BEFORE).unlink()
    (damaged / directory.FINAL).unlink()
    (damaged / directory.JOURNAL).unlink()
    again = search(damaged, CONFIG, accept_damage=True)
    assert set(range(CANDIDATES, 2 * CANDIDATES)) <= set(again)
    assert history(damaged)[:GENERATIONS] == whole[:GENERATIONS]


@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_a_child_whose_parents_weights_are_lost_says_so(folder: Path, how: str) -> None:
    first = configured(strategy="morphism", morphism={"parents": PARENTS}, generations=1)
    search(folder, first)
    for path in (folder / directory.WEIGHTS).iterdir():
        path.unlink() if how == "gone" else path.write_bytes(b"something else")
    search(folder, CONFIG)
    assert starts(folder)[:CANDIDATES] == ["new"] * CANDIDATES
    assert starts(folder)[CANDIDATES : 2 * CANDIDATES] == [how] * CANDIDATES
    lost = starts(folder).count(how)
    sentence = f"began with new weights, their parents' being gone or damaged: {lost} candidates"
    assert sentence in status.table(folder)
    assert f"{lost} began with new weights for lost ones" in page.render(overview(folder))


def test_where_nothing_larger_fits_the_climb_begins_again(folder: Path) -> None:
    values = configured(
        strategy="morphism", generations=6, candidates=4, morphism={"patience": 2}
    ).model_dump()
    space = {"filters": (16, 18), "dense_units": (32, 34), "neighbours": ("none",)}
    space |= {"initial_module_nodes": (1, 1), "initial_blueprint_nodes": (1, 1), "max_layers": 4}
    config = Config.model_validate({**values, "search_space": {**values["search_space"], **space}})
    search(folder, config)
    parents = [
        {parent for c in one.candidates for parent in c.blueprint.parents}
        for one in store.read_run(folder).generations
    ]
    assert parents[0] == set()
    climbs = [number for number, found in enumerate(parents) if number and not found]
    assert climbs  # nobody has a parent where it began again
    trained = {
        o.network_hash for one in history(folder)[:6] for o in one.outcomes if o.reused_from is None
    }
    assert len(trained) > 4
