"""What every strategy promises, whatever it does: the laws, and that it always goes on."""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from mpineat import registry
from mpineat.child.dry_run import judge
from mpineat.config import Config, SearchSpace
from mpineat.evolution.architectures import ArchitectureSearch
from mpineat.evolution.state import State
from mpineat.evolution.strategy import Strategy, select
from mpineat.genotype.validity import blueprint_problem, candidate_problem, module_problem
from mpineat.store import soundness
from tests.evolution.values import building, config, judged
from tests.searches import CANDIDATES, GENERATIONS, configured, history, search

STRATEGIES = registry.names("strategy")
# So small that every strategy is past its beginning, where it learns nothing yet.
EARLY = {
    "regularized_evolution": {"population": 5, "sample": 2},
    "bayesian": {"initial": 4},
    "tpe": {"initial": 4, "samples": 4, "outcomes": 30},
}
LARGE = {"morphism": {"weights_mb": 1e6}}  # what a generation of hundreds needs
EVOLVED = {"evolve_training": True, "inherit": True, "early_discarding": "screen"}
# Networks of a few layers, or random populations would hold none within the limits.
MODERN = {
    "preset": "modern", "reductions": ["none", "stride", "max_pooling"],
    "max_flops": 2e7, "max_blueprint_nodes": 6, "max_module_nodes": 2,
}  # fmt: skip

EXTRAS = {"tpe": "optuna"}  # what a strategy needs that not everybody has

every_strategy = pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name in EXTRAS and find_spec(EXTRAS[name]) is None,
                reason=f"needs the extra {EXTRAS.get(name)}",
            ),
        )
        for name in STRATEGIES
    ],
)


def generations(options: Config, count: int, fitness: Any) -> list[State]:
    """Return the told states of so many generations; `fitness` judges candidates and networks."""
    strategy: Strategy = select(options)
    state, states = strategy.initial(options), []
    for number in range(count):
        if number:
            state = strategy.breed(state, options)
        asked = strategy.ask(state, options, building(options))
        results = [fitness(*pair) for pair in zip(asked.candidates, asked.built, strict=True)]
        state = strategy.tell(asked.state, results, options)
        soundness.check(state, asked.candidates, ())
        states.append(state)
    return states


@every_strategy
@pytest.mark.parametrize(
    ("options", "crews"), [({}, (1, 5)), (EVOLVED, (3,))], ids=["usual", "all_that_evolves"]
)
def test_any_number_of_workers_and_any_stop_give_the_same_history(
    tmp_path: Path, name: str, options: dict[str, Any], crews: tuple[int, ...]
) -> None:
    options = {**EARLY, **options, "strategy": name}
    histories = []
    for workers in crews:
        run_dir = tmp_path / str(workers)
        search(run_dir, configured(**options), workers=workers, order=workers)
        histories.append(history(run_dir))
    stopped = tmp_path / "stopped"
    for count in range(1, GENERATIONS + 1):  # what a strategy keeps outside of the State is lost
        search(stopped, configured(**options, generations=count), workers=2)
    histories.append(history(stopped))
    assert [one.number for one in histories[0]] == list(range(GENERATIONS + 1))  # with the final
    assert all(one == histories[0] for one in histories)


@every_strategy
def test_a_steady_search_loses_nothing_across_a_stop(tmp_path: Path, name: str) -> None:
    if name in ("random", "morphism"):
        pytest.skip("refused: it has no parents to wait for, or climbs a generation at a time")
    options = {**EARLY, "strategy": name, "schedule": "steady"}
    for count in (1, GENERATIONS):
        search(tmp_path, configured(**options, generations=count), workers=4, order=count)
    ended = [o.candidate for one in history(tmp_path)[:GENERATIONS] for o in one.outcomes]
    assert sorted(ended) == list(range(GENERATIONS * CANDIDATES))


@pytest.mark.parametrize("name", ["codeepneat", "deepneat"])
def test_the_modern_space_has_one_history_too(tmp_path: Path, name: str) -> None:
    space = SearchSpace.model_validate(MODERN)
    options = configured(**EVOLVED, strategy=name, generations=2)
    options = options.model_copy(update={"search_space": space})
    for workers in (1, 3):
        search(tmp_path / str(workers), options, workers=workers, order=workers)
    first = history(tmp_path / "1")
    assert first == history(tmp_path / "3")
    nodes = [node for one in first for b in one.state.blueprints.genomes for node in b.nodes]
    assert {node.reduction for node in nodes} == {"none", "stride", "max_pooling"}  # as written


@every_strategy
@pytest.mark.parametrize(
    "tight", [{"max_flops": 2e7, "max_parameters": 4e5}, MODERN], ids=["thesis", "modern"]
)
def test_every_candidate_is_a_network_within_the_limits(name: str, tight: dict[str, Any]) -> None:
    options = config(space=tight, strategy=name, candidates=10, **EARLY)
    asked = set()

    def valid(candidate: Any, network: Any) -> Any:
        asked.add(candidate.id)
        assert candidate_problem(candidate) is None
        assert blueprint_problem(candidate.blueprint, options) is None
        assert [module_problem(module, options) for _, module in candidate.modules] == [
            None for _ in candidate.modules
        ]
        return judged(candidate, judge(network))

    states = generations(options, 4, valid)
    assert asked == set(range(40))  # numbered without a gap
    for state in states:
        assert [p for m in state.modules.genomes if (p := module_problem(m, options))] == []
        assert [p for b in state.blueprints.genomes if (p := blueprint_problem(b, options))] == []


@every_strategy
def test_failures_are_data(name: str) -> None:
    rng = random.Random(3)

    def fails(candidate: Any, network: Any) -> Any:
        if candidate.generation < 2:  # whole generations of nothing but failures
            return judged(candidate, None, ("machine", "candidate")[candidate.generation])
        if rng.random() < 0.5:
            return judged(candidate, None, rng.choice(("machine", "candidate")))
        return judged(candidate, judge(network))

    for policy in ("worst", "ignore"):
        options = config(strategy=name, candidates=6, failed_fitness=policy, **EARLY)
        assert len(generations(options, 5, fails)) == 5


@every_strategy
@pytest.mark.parametrize("count", [1, 5])
def test_generations_of_one(name: str, count: int) -> None:
    options = config(strategy=name, candidates=1, generations=count, **EARLY)
    states = generations(options, count, lambda c, network: judged(c, judge(network)))
    assert states[-1].next_candidate == count


@every_strategy
def test_a_generation_of_500_is_asked_for_told_and_gone_on_from(name: str) -> None:
    """Its pace over thousands of outcomes is measured by `tools/benchmark.py strategies pace`."""
    options = config(strategy=name, candidates=500, **(EARLY | LARGE))
    (state,) = generations(options, 1, lambda c, network: judged(c, judge(network)))
    strategy: Strategy = select(options)
    bred = strategy.breed(state, options)
    asked = strategy.ask(bred, options, building(options), count=10).candidates
    assert [candidate.id for candidate in asked] == list(range(500, 510))


@every_strategy
def test_more_can_be_asked_for_than_a_generation_holds(name: str) -> None:
    options = config(strategy=name, candidates=3)
    strategy: Strategy = select(options)
    state = strategy.initial(options)
    few = strategy.ask(state, options, building(options), count=2).candidates
    many = strategy.ask(state, options, building(options), count=40).candidates
    assert [c.id for c in many] == list(range(40))
    if isinstance(strategy, ArchitectureSearch):  # others deal so that all modules have a turn
        assert many[:2] == few


@every_strategy
def test_what_is_remembered_does_not_grow_for_ever(name: str) -> None:
    options = config(
        strategy=name,
        candidates=10,
        regularized_evolution={"population": 5},
        bayesian={"initial": 4, "outcomes": 20, "proposals": 10},
        tpe={"initial": 4, "samples": 4, "outcomes": 20},
    )
    states = generations(options, 6, lambda c, network: judged(c, judge(network)))
    sizes = [
        sum(array.nbytes for array in state.memory.values()) + 1000 * len(state.blueprints.genomes)
        for state in states
    ]
    assert sizes[-1] <= 1.05 * sizes[-3]
