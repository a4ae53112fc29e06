"""The stand-in evaluation: a pure function of the network, quick, and narrower when compressed."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from mpineat.child import dry_run
from mpineat.child.messages import Setup
from mpineat.phenotype import cost
from mpineat.phenotype.network import Network
from tests import evaluations


@pytest.fixture
def evaluate():
    return dry_run.start(Setup(config=evaluations.config(), rank=1, host="here"))[1]


def test_the_same_network_has_the_same_outcome_wherever_it_is_evaluated(evaluate):
    here = evaluate(evaluations.task(1, seed=1))
    there = dry_run.start(Setup(config=evaluations.config(), rank=9, host="there"))[1](
        evaluations.task(2, seed=2)
    )
    assert here.network_hash == there.network_hash
    assert (here.accuracy, here.loss, here.curve) == (there.accuracy, there.loss, there.curve)


def test_different_networks_differ(evaluate):
    tasks = (evaluations.task(1, filters, compress=False) for filters in range(16, 32))
    found = {evaluate(task).accuracy for task in tasks}
    assert len(found) == 16
    assert all(0 < accuracy < 1 for accuracy in found)


def test_compression_narrows_and_is_reported(evaluate):
    full = evaluate(evaluations.task(1, 32, compress=False))
    small = evaluate(evaluations.task(1, 32))
    assert full.network_before == full.network_after == small.network_before
    assert small.flops_after < 0.6 * small.flops_before
    assert small.flops_after == cost.flops(Network.from_json(small.network_after))


def test_the_seconds_have_the_configured_mean(monkeypatch):
    slept = []
    monkeypatch.setattr(dry_run.time, "sleep", slept.append)
    config = evaluations.config(dry_run_seconds=3.0)
    evaluate = dry_run.start(Setup(config=config, rank=1, host="here"))[1]
    for number in range(400):
        evaluate(evaluations.task(number))
    assert math.isclose(sum(slept) / len(slept), 3.0, rel_tol=0.15)
    assert len(set(slept)) > 300


def test_it_loads_no_tensorflow():
    code = "import sys, mpineat.child.dry_run; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
