"""Task and Outcome survive the wire; anything else than their bytes is refused in one line."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpineat.genotype.genome import Candidate
from mpineat.tasks import (
    OUTCOME,
    TASK,
    Compressed,
    Epoch,
    Outcome,
    Seconds,
    outcome_from_bytes,
    outcome_to_bytes,
    task_from_bytes,
    task_to_bytes,
)
from mpineat.wire import LARGEST, VERSION, WireError
from tests import evaluations
from tests.strategies import families

POINT = Epoch(epoch=1, loss=2.0, accuracy=0.1, val_loss=2.1, val_accuracy=0.1)
TRAINED = evaluations.outcome(
    evaluations.task(7, attempt=2),
    network_before={"layers": [{"name": "a", "rate": 0.5, "activation": None}]},
    compressed=Compressed(
        dead_at_start={"a": 0.5}, alive=((0, 10), (5, 7)), widths={"a": (16, 5)}, removed=("b",)
    ),
    curve=(POINT,),
    seconds=Seconds(total=2.0, stages={"build": 0.5, "train": 1.0}),
    loss=0.1 + 0.2,  # no float may change on the way
)
BARE = Outcome(candidate=7, network_hash="0" * 16, status="failed", reason="nan", attempts=2)


def message(codec, value, **changes) -> bytes:
    """Return the bytes of `value` with some of its fields changed."""
    plain = json.loads(codec.dumps(value)) | changes
    return codec.pack(value).partition(b"{")[0] + json.dumps(plain).encode()


@given(families())
def test_a_task_survives_the_wire(family):
    _, modules, blueprints = family
    task = evaluations.task(7, attempt=2, batch_size=64, parameters=9, layers=4)
    task = replace(task, candidate=Candidate(3, 1, blueprints[0], tuple(enumerate(modules))))
    assert task_from_bytes(task_to_bytes(task)) == task


def test_an_outcome_survives_the_wire():
    assert outcome_from_bytes(outcome_to_bytes(TRAINED)) == TRAINED


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_survives(loss):
    sent = replace(TRAINED, loss=loss, curve=(replace(POINT, val_loss=loss),))
    found = outcome_from_bytes(outcome_to_bytes(sent))
    assert repr(found) == repr(sent)


def test_what_has_its_default_is_not_sent():
    data = outcome_to_bytes(BARE)
    assert b"network_before" not in data
    assert b"curve" not in data
    assert outcome_from_bytes(data) == BARE


@pytest.mark.parametrize("read", [task_from_bytes, outcome_from_bytes])
@given(data=st.binary(max_size=200))
@example(data=b"task 2 []")
@example(data=b"outcome 2 {}")
@example(data=b"outcome 2 ")
@example(data=b'{"version": 1, "kind": "task", "value": {}}')
def test_noise_is_refused(read, data):
    with pytest.raises(WireError) as caught:
        read(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [task_from_bytes, outcome_from_bytes])
def test_a_pickle_is_noise(read):
    with pytest.raises(WireError):
        read(pickle.dumps(BARE))


def test_one_kind_is_not_taken_for_the_other():
    with pytest.raises(WireError, match="expected a task of version 2, found b'outcome 2"):
        task_from_bytes(outcome_to_bytes(TRAINED))


def test_another_version_is_refused_by_its_number():
    data = outcome_to_bytes(TRAINED).replace(b" %d " % VERSION, b" %d " % (VERSION + 1), 1)
    with pytest.raises(WireError, match=f"of version {VERSION}, found b'outcome {VERSION + 1} "):
        outcome_from_bytes(data)


def test_large_messages_are_packed_and_small_ones_are_not():
    layers = [{"name": f"layer_{number}", "filters": 32} for number in range(300)]
    large = replace(TRAINED, network_before={"layers": layers})
    packed = outcome_to_bytes(large)
    assert len(packed) < len(json.dumps(layers)) / 4
    assert outcome_from_bytes(packed) == large
    for cut in (packed[:-1], packed + b"x"):
        with pytest.raises(WireError, match="damaged message of"):
            outcome_from_bytes(cut)
    assert b"{" in outcome_to_bytes(TRAINED)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"unknown": 1}, "unknown: Unexpected keyword"),
        ({"seconds": None}, "seconds: "),
        ({"seconds": {"later": 1.0}}, "seconds.later: "),
        ({"seconds": {"total": -1.0}}, r"seconds.total: .*, found -1\.0"),
        ({"seconds": {"total": math.inf}}, "seconds.total: .*finite"),
        ({"curve": [{}]}, r"curve\.0\.epoch: Field required.* \(and 4 more\)"),
        ({"candidate": "3"}, "candidate: .*valid integer, found '3'"),
        ({"candidate": 1.5}, "candidate: "),
        ({"candidate": -1}, "candidate: "),
        ({"candidate": True}, "candidate: "),
        ({"flops_before": 2**63}, "flops_before: "),
        ({"attempts": 0}, "attempts: "),
        ({"status": "fine"}, "status: "),
        ({"fault": "nobody"}, "fault: "),
        ({"accuracy": 1.01}, "accuracy: "),
        ({"accuracy": math.nan}, "accuracy: "),
        ({"accuracy": "0.5"}, "accuracy: "),
        ({"started": -1.0}, "started: "),
        ({"network_after": []}, "network_after"),
        ({"compressed": {"widths": {"a": [1, 2, 3]}}}, "compressed.widths.*a: "),
    ],
)
def test_an_outcome_out_of_bounds_is_refused_by_the_field(change, where):
    with pytest.raises(WireError, match=f"^not an outcome: {where}") as caught:
        outcome_from_bytes(message(OUTCOME, TRAINED, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"seed": -1}, "seed: "),
        ({"compress": 1}, "compress: "),
        ({"batch_size": 0}, "batch_size: "),
        ({"candidate": None}, "candidate: "),
    ],
)
def test_a_task_out_of_bounds_is_refused_by_the_field(change, where):
    with pytest.raises(WireError, match=f"^not a task: {where}"):
        task_from_bytes(message(TASK, evaluations.task(1), **change))


@pytest.mark.parametrize(
    ("gene", "wrong"),
    [
        (b'[2,16,3,"none",0.0,', b'[2,"16",3,"none",0.0,'),
        (b'[2,16,3,"none",0.0,', b'[2,0,3,"none",0.0,'),
        (b'[2,16,3,"none",0.0,', b'[2,16,3,"other",0.0,'),
        (b'[2,16,3,"none",0.0,', b'[2,16,3,"none",1.5,'),
        (b'"full","relu"]', b'"whole","relu"]'),
        (b'"full","relu"]', b'"full","sine"]'),
        (b'"full","relu"]', b'"full","relu",1]'),
        (b"[0,0,2,true]", b"[0,0,2,1]"),
        (b'"add"', b'"multiply"'),
    ],
)
def test_a_gene_out_of_bounds_is_refused(gene, wrong):
    data = task_to_bytes(evaluations.task(1))
    assert gene in data
    with pytest.raises(WireError, match=r"^not a task: candidate\."):
        task_from_bytes(data.replace(gene, wrong, 1))


@pytest.mark.parametrize("levels", [300, 1_000_000])
def test_deep_nesting_is_refused(levels):
    nested = b"[" * levels + b"]" * levels
    data = outcome_to_bytes(BARE)[:-1] + b',"network_before":{"a":%b}}' % nested
    for sent in (data, data.partition(b"{")[0] + zlib.compress(data[len(b"outcome 2 ") :])):
        with pytest.raises(WireError, match="recursion limit"):
            outcome_from_bytes(sent)


FILLINGS = {  # block, times: far too large, and what is small enough and takes the most memory
    "spaces": (b" " * (1 << 20), 512),
    "points without fields": (b"{}," * (1 << 18), 5),
    "unknown fields": (b"".join(b'"%x":1,' % number for number in range(400_000)), 1),
}


@pytest.mark.parametrize("filling", FILLINGS)
def test_no_message_takes_more_than_some_hundred_megabytes(filling):
    block, times = FILLINGS[filling]
    start = b'{"curve":[' if b"{}" in block else b"{"
    packer = zlib.compressobj(1)
    parts = [packer.compress(start), *(packer.compress(block) for _ in range(times))]
    data = b"outcome 2 " + b"".join([*parts, packer.compress(b'"x":1}'), packer.flush()])
    assert len(data) < LARGEST
    program = (
        "import sys, resource; from mpineat.tasks import outcome_from_bytes\n"
        "try: outcome_from_bytes(sys.stdin.buffer.read())\n"
        "except ValueError as error: print(type(error).__name__, error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    # In a process of its own, whose largest size is this message's.
    out = subprocess.run(
        [sys.executable, "-c", program], input=data, capture_output=True, check=True
    ).stdout.decode()
    said, mebibytes = out.splitlines()
    assert said.startswith("WireError")
    assert int(mebibytes) < 1000
