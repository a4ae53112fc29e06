"""Task and Outcome survive the wire; anything else than their bytes is refused."""

from __future__ import annotations

import json
import pickle
import zlib
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mpineat.tasks import (
    WIRE_VERSION,
    Compressed,
    Epoch,
    Outcome,
    Seconds,
    WireError,
    outcome_from_bytes,
    outcome_from_json,
    outcome_to_bytes,
    outcome_to_json,
    task_from_bytes,
    task_to_bytes,
)
from tests import evaluations

TASK = evaluations.task(7, attempt=2, batch_size=64, parameters=9, layers=4)
OUTCOME = evaluations.outcome(
    TASK,
    network_before={"layers": [{"name": "a"}]},
    compressed=Compressed(
        dead_at_start={"a": 0.5}, alive=((0, 10), (5, 7)), widths={"a": (16, 5)}, removed=("b",)
    ),
    curve=(Epoch(epoch=1, loss=2.0, accuracy=0.1, val_loss=2.1, val_accuracy=0.1),),
    seconds=Seconds(train=1.0, total=2.0),
    loss=0.1 + 0.2,  # no float may change on the way
)


def test_a_task_survives_the_wire():
    assert task_from_bytes(task_to_bytes(TASK)) == TASK


def test_an_outcome_survives_the_wire_and_the_journal():
    assert outcome_from_bytes(outcome_to_bytes(OUTCOME)) == OUTCOME
    line = json.dumps(outcome_to_json(OUTCOME))
    assert outcome_from_json(json.loads(line)) == OUTCOME


def test_what_has_its_default_is_not_sent():
    bare = Outcome(candidate=7, network_hash="0" * 16, status="failed", reason="nan", attempts=2)
    data = outcome_to_bytes(bare)
    assert b"network_before" not in data
    assert b"curve" not in data
    assert outcome_from_bytes(data) == bare


@pytest.mark.parametrize("read", [task_from_bytes, outcome_from_bytes])
@settings(deadline=None)  # a loaded machine
@given(data=st.binary(max_size=200))
@example(data=b'{"version": 1, "kind": "task", "value": []}')
@example(data=b'{"version": 1, "kind": "outcome", "value": {}}')
@example(data=b'{"version": 1, "ki')
def test_noise_is_refused(read, data):
    with pytest.raises(WireError):
        read(data)


@pytest.mark.parametrize("read", [task_from_bytes, outcome_from_bytes])
def test_a_pickle_is_noise(read):
    with pytest.raises(WireError):
        read(pickle.dumps(TASK))


def test_one_kind_is_not_taken_for_the_other():
    with pytest.raises(WireError, match="expected a task"):
        task_from_bytes(outcome_to_bytes(OUTCOME))


def test_another_version_is_refused_by_its_number():
    message = json.loads(task_to_bytes(TASK)) | {"version": WIRE_VERSION + 1}
    data = json.dumps(message).encode()
    for read in (data, zlib.compress(data)):
        with pytest.raises(WireError, match=f"version {WIRE_VERSION + 1}"):
            task_from_bytes(read)


def test_large_messages_are_packed_and_small_ones_are_not():
    layers = [{"name": f"layer_{number}", "filters": 32} for number in range(300)]
    large = replace(OUTCOME, network_before={"layers": layers})
    packed = outcome_to_bytes(large)
    assert len(packed) < len(json.dumps(layers)) / 4
    assert outcome_from_bytes(packed) == large
    assert outcome_to_bytes(OUTCOME).startswith(b"{")


@pytest.mark.parametrize("change", [{"unknown": 1}, {"seconds": None}, {"curve": [{}]}])
def test_an_outcome_with_other_fields_is_refused(change):
    with pytest.raises(WireError, match="not an outcome"):
        outcome_from_json(outcome_to_json(OUTCOME) | change)
