"""Evaluations: what is trained, what is remembered, what a stop leaves."""

from __future__ import annotations

import pytest

from mpineat.cluster.stop import Stop
from mpineat.config import Config
from mpineat.config.yaml_file import loads
from mpineat.errors import Stopped
from mpineat.evaluations import Evaluations, compresses, repeat
from mpineat.genotype.genes import (
    INPUT,
    OUTPUT,
    BlueprintNode,
    Connection,
    Hyperparameters,
    ModuleNode,
)
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.log.progress import Progress
from mpineat.phenotype.assemble import build_network
from mpineat.phenotype.narrow import scale_widths
from mpineat.phenotype.network import Network
from mpineat.tasks import Outcome, Seconds, Start, Task

CONFIG = loads("compression: {inherit: true, every: 2}")


def candidate(
    id: int,
    filters: int = 16,
    node: int = 2,
    rate: float | None = None,
    momentum: float | None = None,
) -> Candidate:
    path = (Connection(node + 1, INPUT, node, True), Connection(node + 2, node, OUTPUT, True))
    module = Module(node, (ModuleNode(node, filters, 3, "none", 0.0),), path, "add")
    training = None if rate is None else Hyperparameters(rate, momentum)
    blueprint = Blueprint(id, (BlueprintNode(node, 0),), path, (32,), training)
    return Candidate(id, 0, blueprint, ((0, module),))


def network(of: Candidate) -> Network:
    return build_network(of, input_shape=(8, 8, 1), classes=10, config=CONFIG)


class Farm:
    """Evaluates in order of submission, one task a poll."""

    def __init__(self, **result: object) -> None:
        self.tasks: list[Task] = []
        self.seen: list[Task] = []
        self.held = False
        self.seconds = 0.0
        self.result = {"status": "ok", "accuracy": 0.5, "seconds": Seconds(total=1.0)} | result

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        self.seen.append(task)

    def poll(self, seconds: float) -> Outcome | None:
        if not self.tasks:
            return None
        task = self.tasks.pop(0)
        before = network(task.candidate)
        return Outcome(
            candidate=task.candidate.id,
            network_hash=task.network_hash,
            network_before=before.to_json(),
            network_after=scale_widths(before, 0.5).to_json(),
            **self.result,  # type: ignore[arg-type]
        )

    def running(self) -> tuple[Task, ...]:
        return tuple(self.tasks)

    def queued(self) -> int:
        return 0

    def ahead(self) -> None:
        return None

    def wind_down(self, seconds: float) -> tuple[int, int]:
        self.held, self.seconds = True, seconds
        return len(self.tasks), 0


class Quiet(Progress):
    """Says nothing."""

    def __init__(self) -> None:
        pass

    def finished(self, outcome: Outcome) -> None:
        pass

    def beat(self, running: object, queued: int, ahead: object = None) -> None:
        pass

    def stopping(self, given: int, ended: int, seconds: float) -> None:
        pass


def evaluations(
    farm: Farm, config: Config = CONFIG, stop: Stop | None = None
) -> tuple[Evaluations, list[Outcome]]:
    recorded: list[Outcome] = []
    return (
        Evaluations(config, farm, recorded.append, stop or Stop(), Quiet()),  # type: ignore[arg-type]
        recorded,
    )


def test_equal_networks_of_one_generation_are_trained_once() -> None:
    farm = Farm()
    found, recorded = evaluations(farm)
    for one in (candidate(0), candidate(1, node=7), candidate(2, filters=17)):
        found.submit(one, network(one), {})
    assert [task.candidate.id for task in farm.seen] == [0, 2]
    outcomes = [outcome for _ in range(2) for outcome in found.collect()]
    assert [(o.candidate, o.reused_from) for o in outcomes] == [(0, None), (1, 0), (2, None)]
    assert [o.candidate for o in recorded] == [0, 2]


def test_a_known_network_is_not_trained_again() -> None:
    farm = Farm()
    found, _ = evaluations(farm)
    found.submit(candidate(0), network(candidate(0)), {})
    found.collect()
    found.submit(candidate(5), network(candidate(5)), {})
    assert [o.reused_from for o in found.collect()] == [0]
    assert len(farm.seen) == 1


def test_reuse_can_be_switched_off() -> None:
    farm = Farm()
    found, _ = evaluations(farm, loads("evolution: {reuse_outcomes: false}"))
    for id in (0, 1):
        found.submit(candidate(id), network(candidate(id)), {})
        found.collect()
    assert len(farm.seen) == 2


def test_what_the_machine_spoilt_is_tried_again() -> None:
    farm = Farm(status="failed", fault="machine", reason="killed", accuracy=None)
    found, _ = evaluations(farm)
    for id in (0, 1):
        found.submit(candidate(id), network(candidate(id)), {})
        found.collect()
    assert len(farm.seen) == 2


def test_evolved_training_is_part_of_what_is_equal() -> None:
    farm = Farm()
    found, _ = evaluations(farm)
    several = [candidate(0), candidate(1, rate=0.1), candidate(2, rate=0.01)]
    several.append(candidate(3, rate=0.01, momentum=0.7))
    for one in several:
        found.submit(one, network(one), {})
    assert len({task.seed for task in farm.seen}) == 4


def test_what_the_strategy_tells_the_stages_is_part_of_what_is_equal() -> None:
    farm = Farm()
    found, recorded = evaluations(farm)
    for id, context in enumerate(({}, {"epochs": 3.0}, {"epochs": 3.0}, {"epochs": 4.0})):
        found.submit(candidate(id), network(candidate(id)), context)
    assert [(t.candidate.id, t.context) for t in farm.seen] == [
        (0, {}),
        (1, {"epochs": 3.0}),
        (3, {"epochs": 4.0}),
    ]
    assert len({task.seed for task in farm.seen}) == 3
    while len(recorded) < 3:
        found.collect()
    later, _ = evaluations(again := Farm())  # another launch, which reads them from disk
    for outcome in recorded:
        later.remember(candidate(outcome.candidate), outcome)
    later.submit(candidate(7), network(candidate(7)), {"epochs": 4.0})
    assert [outcome.reused_from for outcome in later.collect()] == [3]
    later.submit(candidate(8), network(candidate(8)), {"epochs": 5.0})
    assert [task.candidate.id for task in again.seen] == [8]


def test_the_weights_to_begin_with_are_part_of_what_is_equal() -> None:
    farm = Farm()
    found, recorded = evaluations(farm)
    one = candidate(0)
    starts = [Start(parent=candidate(9), weights=c * 64, epochs=2) for c in "ab"]
    for id, start in enumerate((None, starts[0], starts[1], starts[0])):
        found.submit(candidate(id), network(one), {}, start=start)
    assert [task.start for task in farm.seen] == [None, *starts]
    assert len({task.seed for task in farm.seen}) == 3
    outcomes = [outcome for _ in range(3) for outcome in found.collect()]
    assert [(o.candidate, o.reused_from) for o in outcomes] == [
        (0, None),
        (1, None),
        (3, 1),
        (2, None),
    ]
    assert [o.parent_weights for o in outcomes] == ["", "a" * 64, "a" * 64, "b" * 64]

    later, _ = evaluations(farm)  # of a launch that reads them from the disk
    for outcome in recorded:
        later.remember(candidate(outcome.candidate), outcome)
    later.submit(candidate(7), network(one), {}, start=starts[1])
    assert [o.reused_from for o in later.collect()] == [2]


def test_a_final_is_not_compressed() -> None:
    farm = Farm()
    found, _ = evaluations(farm)
    found.submit(candidate(0), network(candidate(0)), {})
    found.submit(candidate(1), network(candidate(1)), {"seed": 0.0}, compress=False)
    found.submit(candidate(2), network(candidate(2)), {"seed": 0.0}, compress=False)
    assert [task.compress for task in farm.seen] == [True, False]
    outcomes = [outcome for _ in range(2) for outcome in found.collect()]
    assert [(o.candidate, o.reused_from) for o in outcomes] == [(0, None), (1, None), (2, 1)]


def test_equal_networks_get_equal_seeds_in_different_runs() -> None:
    seeds = set()
    for id in (0, 9):
        farm = Farm()
        found, _ = evaluations(farm)
        found.submit(candidate(id), network(candidate(id)), {})
        seeds.add(farm.seen[0].seed)
    assert len(seeds) == 1


def test_a_repeated_outcome_speaks_of_its_own_genotype() -> None:
    own = candidate(3, node=7)
    before = network(candidate(0))
    trained = Outcome(
        candidate=0,
        network_hash=before.hash(),
        status="ok",
        accuracy=0.9,
        network_before=before.to_json(),
        network_after=scale_widths(before, 0.5).to_json(),
        seconds=Seconds(total=3.0),
    )
    again = repeat(trained, own, network(own))
    assert (again.candidate, again.reused_from, again.accuracy) == (3, 0, 0.9)
    assert again.seconds == Seconds()
    assert again.network_before == network(own).to_json()
    assert again.network_after is not None
    after = Network.from_json(again.network_after)
    assert after.hash() == Network.from_json(trained.network_after or {}).hash()
    assert {layer.origin.module_node for layer in after.layers if layer.origin} == {7}


def test_stop_waits_for_what_runs_and_starts_nothing() -> None:
    stop, farm = Stop(), Farm()
    found, recorded = evaluations(farm, stop=stop)
    found.submit(candidate(0), network(candidate(0)), {})
    stop.request("SIGTERM")
    with pytest.raises(Stopped, match="SIGTERM"):
        found.collect()
    assert farm.held
    assert [outcome.candidate for outcome in recorded] == [0]
    # Of the 30 seconds since the signal, some are for closing.
    assert farm.seconds == pytest.approx(25.0, abs=0.5)


def test_a_late_outcome_counts_once() -> None:
    farm = Farm()
    found, recorded = evaluations(farm)
    found.submit(candidate(0), network(candidate(0)), {})
    farm.tasks *= 2
    assert len(found.collect()) == 1
    assert found.collect() == []
    assert len(recorded) == 1


def test_with_inheritance_only_every_so_manyth_generation_is_compressed() -> None:
    assert [compresses(CONFIG, generation) for generation in range(4)] == [True, False, True, False]
