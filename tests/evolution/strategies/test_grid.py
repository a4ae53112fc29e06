import math
from collections import Counter
from contextlib import suppress

from mpineat.cli.check import explain
from mpineat.config import Config
from mpineat.errors import Infeasible
from mpineat.evolution.strategies.grid import Grid
from mpineat.evolution.strategy import select
from mpineat.genotype.validity import candidate_problem
from tests.evolution.values import building, config, judged

OPTIONS = config(strategy="grid", candidates=10)


def features(architecture):
    [(_, module)] = architecture.modules
    [node] = module.nodes
    join = module.join if len(module.connections) > 2 else "none"
    depth, units = len(architecture.blueprint.nodes), architecture.blueprint.dense
    return depth, node.filters, node.kernel, node.neighbour, join, units


def test_every_combination_comes_once_before_any_comes_again():
    grid = Grid(OPTIONS)
    assert grid.size == math.prod(map(len, grid.axes.values())) == 4 * 4 * 3 * 2 * 3 * 4
    points = [grid.point(turn) for turn in range(grid.size)]
    assert len({features(point) for point in points}) == grid.size
    assert grid.point(grid.size).content == points[0].content
    assert all(candidate_problem(p.candidate(0, 0, 3)) is None for p in points)


def test_a_part_of_the_grid_is_spread_over_all_of_it():
    grid = Grid(OPTIONS)
    for budget in (48, 84, 200):
        points = [features(grid.point(turn)) for turn in range(budget)]
        for column in range(6):
            counts = Counter(point[column] for point in points)
            expected = budget / len(counts)
            assert len(counts) == len({features(grid.point(t))[column] for t in range(grid.size)})
            assert max(counts.values()) <= 1.35 * expected + 1
            assert min(counts.values()) >= 0.65 * expected - 1


def test_a_search_goes_through_the_points_in_order_and_passes_over_what_is_no_network():
    options = config(space={"max_parameters": 4e5}, strategy="grid", candidates=10)
    strategy, grid, build = select(options), Grid(options), building(options)
    state, found = strategy.initial(options), []
    for generation in range(3):
        state = strategy.breed(state, options) if generation else state
        asked = strategy.ask(state, options, build)
        found += asked.built
        results = [judged(c, 0.5) for c in asked.candidates]
        state = strategy.tell(asked.state, results, options)
    expected, turn = [], 0
    while len(expected) < 30:
        with suppress(Infeasible):
            expected.append(build(grid.point(turn).candidate(turn, 0, 3)))
        turn += 1
    assert turn > 30
    assert [network.hash() for network in found] == [network.hash() for network in expected]


def test_another_seed_is_the_same_search():
    for seed in (1, 2):
        options = config(seed, strategy="grid", candidates=10)
        strategy = select(options)
        asked = strategy.ask(strategy.initial(options), options, building(options))
        assert [c.blueprint.nodes for c in asked.candidates] == [
            Grid(OPTIONS).point(turn).blueprint.nodes for turn in range(10)
        ]


def test_check_says_how_large_the_grid_is_and_what_part_of_it_is_tried():
    options = {"strategy": "grid", "generations": 3, "candidates": 24}
    lines = "\n".join(explain(Config.model_validate({"evolution": options})))
    assert "grid          1,152 networks: 4 depths x 4 widths x 3 kernels" in lines
    assert "72 of them are tried (6 %)" in lines
    options["generations"] = 100
    lines = "\n".join(explain(Config.model_validate({"evolution": options})))
    assert "1,152 of them are tried (100 %); then it begins anew" in lines
