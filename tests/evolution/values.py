"""Configurations, builds and stand-in evaluations for the tests of this room."""

from __future__ import annotations

import hashlib
import random

from mpineat.config import Config
from mpineat.evolution.state import Result, State
from mpineat.evolution.strategy import Strategy, select
from mpineat.genotype.genome import Candidate
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Network
from mpineat.tasks import Outcome

SHAPE = (16, 16, 1)


def config(seed: int = 1, space: dict | None = None, **evolution: object) -> Config:
    return Config.model_validate(
        {
            "run": {"seed": seed},
            "search_space": space or {},
            "evolution": evolution,
            "compression": {"enabled": evolution.get("strategy") != "morphism"},
        }
    )


def building(config: Config):
    """Return what search.py gives to ask: assemble within the limits."""

    def build(candidate: Candidate) -> Network:
        network = assemble(candidate, SHAPE, 10, config.search_space)
        check_limits(network, config.search_space, 32)
        return network

    return build


def judged(candidate: Candidate, accuracy: float | None, fault: str = "") -> Result:
    """Return a candidate's result: of this accuracy, or failed."""
    failed = accuracy is None
    outcome = Outcome(
        candidate=candidate.id,
        network_hash="",
        status="failed" if failed else "ok",
        accuracy=accuracy,
        fault=fault,
        weights="" if failed else hashlib.sha256(b"%d" % candidate.id).hexdigest(),
    )
    return Result(candidate=candidate, outcome=outcome)


def grown(config: Config, generations: int, seed: int = 1, keep: bool = False):
    """Run so many generations of random fitness; return the last state, or all of them."""
    strategy: Strategy = select(config)
    rng = random.Random(seed)
    states: list[State] = [strategy.initial(config)]
    for _ in range(generations):
        asked = strategy.ask(states[-1], config, building(config))
        results = [judged(c, rng.random()) for c in asked.candidates]
        told = strategy.tell(asked.state, results, config)
        states += [told, strategy.breed(told, config)] if keep else []
        states = states if keep else [strategy.breed(told, config)]
    return states if keep else states[-1]
