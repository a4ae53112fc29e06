"""Run directories that earlier versions wrote are read, shown and continued for ever.

earlier/ holds runs of commit 115d76e, format version 1: `plain` and `compressed` finished real
trainings, `generational` and `steady` dry runs that a signal stopped. finished.json is what that
commit made of the last two where nothing stopped them.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from mpineat import store
from mpineat.cli.main import main
from tests.installed import mpineat
from tests.store.test_run import snapshot

EARLIER = Path(__file__).parent / "earlier"
FINISHED = {"plain": 2, "compressed": 2}
STOPPED = {"generational": 3, "steady": 2}
FASTER = "farm.dry_run_seconds=0.01"


@pytest.fixture
def run_dir(tmp_path: Path, name: str) -> Path:
    with tarfile.open(EARLIER / f"{name}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / name


@pytest.mark.parametrize("name", FINISHED | STOPPED)
def test_all_of_it_is_read(run_dir: Path, name: str) -> None:
    run = store.read_run(run_dir)
    assert run.problems == ()
    assert run.config is not None
    assert len(run.generations) == (FINISHED | STOPPED)[name]
    outcomes = [outcome for one in run.generations for outcome in one.outcomes]
    assert all(outcome.status == "ok" and outcome.network_after for outcome in outcomes)
    trained = [outcome for outcome in outcomes if outcome.reused_from is None]
    assert trained
    assert all(outcome.curve and outcome.seconds.total > 0 for outcome in trained)
    assert any(outcome.compressed for outcome in outcomes) == (name == "compressed")
    assert bool(run.outcomes) == (name in STOPPED)
    assert bool(run.candidates) == (name == "steady")


@pytest.mark.parametrize("name", FINISHED | STOPPED)
@pytest.mark.tensorflow
def test_it_is_shown_as_it_is(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(run_dir)
    assert main(["status", str(run_dir)]) == 0
    assert main(["status", str(run_dir), "--json"]) == 0
    assert '"best"' in capsys.readouterr().out
    assert main(["report", str(run_dir), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size > 10_000
    model = tmp_path / "winner.json"
    assert main(["export", str(run_dir), "--format", "json", "-o", str(model)]) == 0
    assert json.loads(model.read_text())
    assert snapshot(run_dir) == before


@pytest.mark.parametrize("name", STOPPED)
def test_it_goes_on_as_if_nothing_had_stopped_it(run_dir: Path, name: str) -> None:
    known = {one.candidate: one for one in store.read_run(run_dir).outcomes}
    words = (run_dir / "config.yaml", run_dir, FASTER, "--resume")
    ended = mpineat("run", *words)
    assert ended.returncode == 0, ended.stderr
    run = store.read_run(run_dir)
    assert run.problems == ()
    expected = json.loads((EARLIER / "finished.json").read_text())[name]
    assert [essence(one) for one in run.generations] == expected
    later = {one.candidate: one for one in run.generations[STOPPED[name]].outcomes}
    assert known.items() <= later.items()


@pytest.mark.parametrize("name", FINISHED)
def test_a_finished_one_is_found_finished(run_dir: Path, name: str) -> None:
    files = snapshot(run_dir / "generations")
    ended = mpineat("run", run_dir / "config.yaml", run_dir, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert snapshot(run_dir / "generations") == files


def essence(generation: store.Generation) -> dict[str, Any]:
    """Return what one seed must give again, in values that no later field can change.

    Outcomes by candidate: under the steady schedule they come in the order of arrival.
    """
    value = {
        "candidates": [
            [one.id, one.blueprint.id, *[module.id for _, module in one.modules]]
            for one in sorted(generation.candidates, key=lambda one: one.id)
        ],
        "outcomes": [
            [one.candidate, one.accuracy, one.flops_before, one.flops_after, one.network_hash]
            for one in sorted(generation.outcomes, key=lambda one: one.candidate)
        ],
        "populations": [
            {
                "parents": [[genome.id, *genome.parents] for genome in population.genomes],
                "species": [[one.id, *one.members] for one in population.species],
                "fitness": sorted(population.fitness.items()),
            }
            for population in (generation.state.modules, generation.state.blueprints)
        ],
    }
    return json.loads(json.dumps(value))  # type: ignore[no-any-return]
