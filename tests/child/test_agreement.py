"""What crosses pipe and MPI says one thing; what contradicts itself or its task is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpineat.child.agreement import (
    check_answer,
    check_metric,
    check_networks,
    read_outcome,
    read_task,
)
from mpineat.genotype.genes import OUTPUT, Connection
from mpineat.phenotype.assemble import assemble
from mpineat.tasks import Epoch, outcome_to_bytes, task_to_bytes
from mpineat.wire import WireError
from tests import evaluations

TASK = evaluations.task(1)
SPACE = evaluations.config().search_space
EPOCH = Epoch(epoch=1, loss=1.0, accuracy=0.5, val_loss=1.0, val_accuracy=0.5)
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
        {"metric": 1.5},
        {"metric": float("nan")},
        {"status": "discarded", "accuracy": None, "metric": 0.5, "curve": (EPOCH,)},
        {"metric": 0.5, "curve": (EPOCH,)},  # of whose epochs none has it
        {"curve": (EPOCH, replace(EPOCH, val_metric=0.5))},
        {"confusion": ((0, 1, 2), (0, 1, 3))},
        {"confusion": ((0, 1000, 2),)},
        {"confusion": ((0, 1, 0),)},
    ],
)
def test_an_outcome_that_contradicts_itself_is_refused(fields):
    with pytest.raises(WireError, match="not an outcome"):
        read_outcome(outcome_to_bytes(evaluations.outcome(TASK, **fields)))


def test_an_outcome_of_another_metric_is_refused():
    metric = evaluations.outcome(TASK, metric=0.5)
    check_metric(metric, "auc")
    check_metric(evaluations.outcome(TASK), "accuracy")
    check_metric(evaluations.fault(TASK), "auc")
    for outcome, asked in ((metric, "accuracy"), (evaluations.outcome(TASK), "auc")):
        with pytest.raises(WireError, match=f"to be judged by {asked}"):
            check_metric(outcome, asked)


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
