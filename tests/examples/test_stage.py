"""examples/stage.py, installed as a package of somebody else's: a search that gives up early."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mpineat import store
from tests.installed import ROOT, install, mpineat

EXAMPLE = ROOT / "examples" / "stage.py"
# Too slow a learning rate to leave chance in one epoch.
OPTIONS = (
    *("evolution.generations=1", "evolution.candidates=1", "training.epochs=3"),
    *("training.stages=[hopeless]", "training.learning_rate=1e-9", "compression.enabled=false"),
    *("training.schedule=constant", "search_space.max_flops=1e6"),
)


@pytest.mark.tensorflow
def test_hopeless_candidates_are_given_up_after_an_epoch(tmp_path: Path) -> None:
    entry_point = re.search(r"^ +(hopeless = .*:.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert entry_point is not None
    environment = install(tmp_path / "site", EXAMPLE, stage=entry_point[1].replace('"', ""))
    run = mpineat("run", ROOT / "configs/digits.yaml", tmp_path / "run", *OPTIONS,
                  env=environment, cwd=tmp_path)  # fmt: skip
    assert run.returncode == 1, run.stderr  # nothing was left to go on with
    assert "none of 1 candidate could be trained: 1 hopeless" in run.stderr
    (generation,) = store.read_run(tmp_path / "run").generations
    assert [len(outcome.curve) for outcome in generation.outcomes] == [1]
    assert {(o.reason, o.fault) for o in generation.outcomes} == {("hopeless", "candidate")}
    assert "after an epoch, below 0.150" in generation.outcomes[0].detail
    status = mpineat("status", tmp_path / "run", env=environment)
    assert status.returncode == 0, status.stderr
    without = mpineat("check", ROOT / "configs/digits.yaml", *OPTIONS)
    assert without.returncode == 2
    assert "training.stages" in without.stderr
    assert "expected one of assemble, inherit, structure_learning, build, train" in without.stderr
