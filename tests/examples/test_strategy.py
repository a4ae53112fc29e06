"""examples/strategy.py, installed as a package of somebody else's: it keeps both laws."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mpineat import store
from tests.farm.test_mpi import MPIRUN, SECONDS, needs_mpi
from tests.installed import ROOT, install, mpineat
from tests.searches import history

EXAMPLE = ROOT / "examples" / "strategy.py"
GENERATIONS = 8
OPTIONS = (
    "evolution.strategy=restarting",
    "farm.evaluator=dry_run",
    "farm.dry_run_seconds=0.01",
    "evolution.candidates=4",
    "evolution.modules=6",
    "evolution.blueprints=4",
    "final.candidates=0",  # what follows a search is not the strategy's
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    entry_point = re.search(r"^ +(restarting = .*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert entry_point is not None
    return install(tmp_path / "site", EXAMPLE, strategy=entry_point[1].replace('"', ""))


@needs_mpi
def test_one_seed_gives_one_history_with_any_workers_and_across_stops(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    config = ROOT / "configs" / "digits.yaml"
    for generations in (1, 5, GENERATIONS):  # one launch after another
        words = ("run", config, tmp_path / "one", *OPTIONS, "--resume")
        ended = mpineat(*words, f"evolution.generations={generations}", env=environment)
        assert ended.returncode == 0, ended.stderr
    command = [str(MPIRUN), "-np", "3", sys.executable, "-m", "mpineat", "run", str(config)]
    words = (str(tmp_path / "two"), *OPTIONS, f"evolution.generations={GENERATIONS}")
    subprocess.run([*command, *words], env=environment, timeout=SECONDS, check=True)
    first, second = history(tmp_path / "one"), history(tmp_path / "two")
    assert len(first) == GENERATIONS
    assert first == second

    memory = [generation.state.memory["best"] for generation in first]
    assert [len(best) for best in memory[:3]] == [1, 2, 3]
    restarts = [one.number for one in first if any("began anew" in e for e in one.state.events)]
    assert restarts
    assert all(len(memory[number]) == 1 for number in restarts)


def test_without_the_package_its_run_is_read_but_not_continued(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    config = ROOT / "configs" / "digits.yaml"
    words = ("run", config, tmp_path / "run", *OPTIONS, "evolution.generations=1")
    assert mpineat(*words, env=environment).returncode == 0
    assert len(store.read_run(tmp_path / "run").generations) == 1
    refused = mpineat(*words, "--resume")
    assert refused.returncode == 2
    assert "evolution.strategy: expected one of codeepneat, random" in refused.stderr
