"""Small tasks and configurations for the tests of farm, worker and child."""

from __future__ import annotations

from typing import Any

from mpineat.config import Config
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble
from mpineat.tasks import Outcome, Seconds, Task

WIRES = (Connection(0, INPUT, 2, True), Connection(1, 2, OUTPUT, True))


def candidate(number: int, filters: int = 16) -> Candidate:
    """Return one convolution between input and output."""
    module = Module(number, (ModuleNode(2, filters, 3, "none", 0.0),), WIRES, "add")
    blueprint = Blueprint(number, (BlueprintNode(2, 0),), WIRES, dense=(32,))
    return Candidate(id=number, generation=0, blueprint=blueprint, modules=((0, module),))


def task(number: int, filters: int = 16, **fields: Any) -> Task:
    """Return the Task of `candidate(number, filters)` on digits."""
    network = assemble(candidate(number, filters), (8, 8, 1), 10, Config().search_space)
    given = {"flops": cost.flops(network), "seed": number, "compress": True, **fields}
    return Task(candidate=candidate(number, filters), network_hash=network.hash(), **given)


def outcome(of: Task, **fields: Any) -> Outcome:
    """Return what a worker might answer to `of`."""
    given = {"status": "ok", "accuracy": 0.5, "seconds": Seconds(total=1.0), **fields}
    return Outcome(
        candidate=of.candidate.id, network_hash=of.network_hash, attempts=of.attempt, **given
    )


def fault(of: Task, reason: str = "killed") -> Outcome:
    """Return what a worker answers whose child died of `of`."""
    return outcome(of, status="failed", fault="machine", reason=reason, accuracy=None)


def config(**farm: Any) -> Config:
    """Return a dry-run configuration with the given options of its farm section."""
    return Config.model_validate({"farm": {"evaluator": "dry_run", **farm}})
