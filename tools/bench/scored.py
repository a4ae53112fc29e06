"""A candidate with an accuracy that nobody trained for, as evolution wants it."""

from __future__ import annotations

from mpineat.evolution.state import Result
from mpineat.genotype.genome import Candidate
from mpineat.tasks import Outcome


def scored(candidate: Candidate, accuracy: float) -> Result:
    """Return the candidate's result."""
    outcome = Outcome(candidate=candidate.id, network_hash="", status="ok", accuracy=accuracy)
    return Result(candidate=candidate, outcome=outcome)
