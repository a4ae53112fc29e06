"""What crosses pipe and MPI says one thing; what contradicts itself or its task is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpineat.child.agreement import check_answer, check_networks, read_outcome, read_task
from mpineat.genotype.genes import OUTPUT, Connection
from mpineat.phenotype.assemble import assemble
from mpineat.tasks import Epoch, outcome_to_bytes, task_to_bytes
from mpineat.wire import WireError
from tests import evaluations

TASK = evaluations.task(1)
SPACE = evaluations.config().search_space
NETWORK = assemble(TASK.candidate, (8, 8, 1), 10, SPACE).to_json()


def test_a_task_and_its_outcome_pass():
    assert read_task(task_to_bytes(TASK)) == TASK
    outcome = evaluations.outcome(TASK, network_before=NETWORK, network_after=NETWORK)
    check_answer(read_outcome(outcome_to_bytes(outcome)), TASK)
    check_networks(outcome)


CYCLE = (*evaluations.WIRES, Connection(2, 2, 2, True))
LOOSE = (*evaluations.WIRES, Connection(2, 7, OUTPUT, True))


@pytest.mark.parametrize(
    ("connections", "why"), [(CYCLE, "a cycle"), (LOOSE, "impossible"), ((), "no path")]
)
def test_a_task_that_is_no_network_is_refused(connections, why):
    blueprint = TASK.candidate.blueprint._replace(connections=connections)
    spoilt = replace(TASK, candidate=replace(TASK.candidate, blueprint=blueprint))
    with pytest.raises(WireError, match=why):
        read_task(task_to_bytes(spoilt))


def test_a_task_without_a_module_that_it_points_to_is_refused():
    spoilt = replace(TASK, candidate=replace(TASK.candidate, modules=()))
    with pytest.raises(WireError, match="species"):
        read_task(task_to_bytes(spoilt))


@pytest.mark.parametrize(
    "fields",
    [
        {"accuracy": None},
        {"fault": "machine"},
        {"status": "failed", "accuracy": None, "fault": "candidate"},
        {"status": "discarded"},
        {"status": "discarded", "accuracy": None},  # without an epoch to be judged by
        {"status": "failed", "accuracy": None, "reason": "nan"},
        {"status": "failed", "fault": "candidate", "reason": "nan"},
    ],
)
def test_an_outcome_that_contradicts_itself_is_refused(fields):
    with pytest.raises(WireError, match="not an outcome"):
        read_outcome(outcome_to_bytes(evaluations.outcome(TASK, **fields)))


@pytest.mark.parametrize("fields", [{"candidate": 2}, {"network_hash": "f0"}, {"attempts": 2}])
def test_an_outcome_of_something_else_is_refused(fields):
    with pytest.raises(WireError, match=f"{next(iter(fields))[:7]}"):
        check_answer(replace(evaluations.outcome(TASK), **fields), TASK)


@pytest.mark.parametrize("name", ["network_before", "network_after"])
@pytest.mark.parametrize("value", [{}, {**NETWORK, "layers": 5}, {**NETWORK, "output": "none"}])
def test_an_outcome_with_something_else_than_networks_is_refused(name, value):
    with pytest.raises(WireError, match=name):
        check_networks(evaluations.outcome(TASK, **{name: value}))


def test_an_outcome_of_another_network_is_refused():
    wider = evaluations.task(1, filters=32).candidate
    network = assemble(wider, (8, 8, 1), 10, SPACE).to_json()
    with pytest.raises(WireError, match="another mpineat"):
        check_networks(evaluations.outcome(TASK, network_before=network))


def test_an_outcome_of_more_or_less_training_than_was_asked_for_is_refused():
    point = Epoch(epoch=1, loss=2.0, accuracy=0.2, val_loss=2.0, val_accuracy=0.2)
    screened = {"status": "discarded", "accuracy": None, "curve": (point,)}
    screen = replace(TASK, stop_after=1)
    check_answer(evaluations.outcome(TASK, **screened), screen)
    check_answer(evaluations.fault(TASK), screen)
    with pytest.raises(WireError, match="asked to stop after epoch 1"):
        check_answer(evaluations.outcome(TASK), screen)
    with pytest.raises(WireError, match="asked to train in full"):
        check_answer(evaluations.outcome(TASK, **screened), TASK)
