"""Networks that the run knows: passed over where a strategy draws, as long as others come."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mpineat.errors import Known
from mpineat.genotype.genes import Hyperparameters
from mpineat.genotype.genome import Candidate
from mpineat.phenotype.network import Network
from mpineat.tasks import Outcome

PASSES = 8  # repetitions passed over for each candidate wanted: a space may hold too few networks


class Identity(NamedTuple):
    """What makes the evaluations of two candidates one and the same."""

    network_hash: str
    training: Hyperparameters | None


class Novelty:
    """What was evaluated in one run."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._known: set[Identity] = set()

    def learn(self, candidate: Candidate, outcome: Outcome) -> None:
        """Keep in mind what an outcome is of, unless the machine spoilt it."""
        if outcome.fault != "machine":
            self._known.add(Identity(outcome.network_hash, candidate.blueprint.training))

    def building(
        self, build: Callable[[Candidate], Network], count: int
    ) -> Callable[[Candidate], Network]:
        """Return a `build` for a strategy's `ask` that refuses repetitions as infeasible.

        A refusal is no law: when there were PASSES of them for each of the `count` candidates, what
        is drawn is taken.
        """
        drawn: set[Identity] = set()
        left = PASSES * count

        def build_new(candidate: Candidate) -> Network:
            nonlocal left
            network = build(candidate)
            identity = Identity(network.hash(), candidate.blueprint.training)
            if left and (identity in self._known or identity in drawn):
                left -= 1
                raise Known(f"the run knows network {identity.network_hash}")
            drawn.add(identity)
            return network

        return build_new
