"""A failed outcome names its task, its fault and, on one line, what happened."""

from __future__ import annotations

import pytest

from mpineat.child.failures import failed, one_line
from mpineat.tasks import Seconds, outcome_from_bytes, outcome_to_bytes
from tests import evaluations


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("two\n  lines", "two lines"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        ("x" * 9999, "x" * 500),
        ("no file caf\udce9", "no file caf?"),  # a name that is no UTF-8, as Python reads it
    ],
)
def test_a_detail_is_one_line_that_crosses_the_wire(said, line):
    task = evaluations.task(3, attempt=2)
    outcome = failed(task, "lost", "machine", said, rank=4, seconds=Seconds(total=1.0))
    assert one_line(said) == line
    assert outcome_from_bytes(outcome_to_bytes(outcome)) == outcome
    assert (outcome.candidate, outcome.network_hash, outcome.attempts) == (3, task.network_hash, 2)
    assert (outcome.status, outcome.reason, outcome.fault) == ("failed", "lost", "machine")
    assert (outcome.detail, outcome.rank, outcome.seconds.total) == (line, 4, 1.0)
