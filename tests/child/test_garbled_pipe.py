"""A child that says what nobody asked is killed, as a fault of the machine, and told of once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mpineat.child.messages import READY, Kind, Ready, frame
from mpineat.tasks import outcome_from_bytes, outcome_to_bytes, task_to_bytes
from tests import evaluations
from tests.child.test_supervisor import child_of, expect, start, supervisor

__all__ = ["supervisor"]  # a fixture


def answer(number: int = 1, attempt: int = 1, **fields: Any) -> bytes:
    """Return a frame that might be the answer to task 1."""
    asked = evaluations.task(number, attempt=attempt)
    return frame(Kind.OUTCOME, outcome_to_bytes(evaluations.outcome(asked, **fields)))


SAID = {
    "noise": b"WARNING: something wrote here",
    "no outcome": frame(Kind.OUTCOME, b"garbage"),
    "nested": frame(Kind.OUTCOME, b"outcome 2 {" + b"[" * 10_000),
    "ready": frame(Kind.READY, READY.pack(Ready(device="when nobody asked"))),
    "beat": frame(Kind.BEAT),
    "another candidate": answer(2),
    "another attempt": answer(attempt=2),
    "neither ok nor failed": answer(status="failed"),
    "not judged": answer(accuracy=None),
    "no network": answer(network_before={"layers": []}),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_garbled_child_is_killed_and_its_task_is_tried_again(supervisor, tmp_path, said, caplog):
    start(supervisor, tmp_path, dry_run_seconds=1000.0)
    expect(supervisor, Kind.READY)
    first = child_of(supervisor)
    supervisor.give(task_to_bytes(evaluations.task(1)))
    # The command line of a child names last the descriptor that it writes to.
    pipe = int(Path(f"/proc/{first}/cmdline").read_bytes().split(b"\0")[-2])
    with open(f"/proc/{first}/fd/{pipe}", "wb", buffering=0) as stranger:
        stranger.write(said)
    failed = outcome_from_bytes(expect(supervisor, Kind.FAULT).payload)
    assert (failed.candidate, failed.fault, failed.reason) == (1, "machine", "killed")
    assert "garbled its pipe" in failed.detail
    assert len([record for record in caplog.records if "garbled" in record.message]) == 1
    expect(supervisor, Kind.READY)
    assert child_of(supervisor) != first
