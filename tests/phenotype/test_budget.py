from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.phenotype import budget
from mpineat.phenotype.channels import plan_channels
from mpineat.phenotype.cost import flops
from mpineat.phenotype.narrow import with_blocks
from tests.phenotype.networks import build, conv, head, networks

NETWORK = build(
    conv("a", "input", 20), conv("b", "a", 20, kernel=5), conv("c", "b", 20), *head("c", [40])
)


def shares(counts, plan):
    return np.array(counts) / [len(block.groups) for block in plan.blocks]


def test_uniform_narrows_all_alike_and_fills_the_budget():
    plan = plan_channels(NETWORK)
    counts = budget.uniform(plan, 0.3)
    assert np.ptp(shares(counts, plan)) < 0.08
    assert 0.27 < flops(with_blocks(NETWORK, plan, counts)) / flops(NETWORK) <= 0.3


def test_the_last_filter_saves_the_same_in_every_block_for_its_importance():
    wide = build(conv("a", "input", 400), conv("b", "a", 300, kernel=5), *head("b", [900]))
    plan = plan_channels(wide)
    importance = np.array([1.0, 4.0, 0.5])
    counts = budget.allot(plan, importance, 0.2, exponent=2.0)
    cost = flops(with_blocks(wide, plan, counts))
    prices = []
    for block, share in enumerate(shares(counts, plan)):
        more = [count + (number == block) for number, count in enumerate(counts)]
        slope = flops(with_blocks(wide, plan, more)) - cost
        size = len(plan.blocks[block].groups)
        prices.append(importance[block] * share**-3 / (slope * size))
    assert np.ptp(np.log(prices)) < 0.05


def test_a_more_important_block_keeps_more():
    plan = plan_channels(NETWORK)
    even = budget.allot(plan, np.ones(4), 0.3)
    favoured = budget.allot(plan, np.array([1.0, 1.0, 30.0, 1.0]), 0.3)
    assert favoured[2] > even[2]
    assert favoured[1] < even[1]


def test_a_large_exponent_is_uniform():
    plan = plan_channels(NETWORK)
    found = shares(budget.allot(plan, np.ones(4), 0.3, exponent=200.0), plan)
    assert np.ptp(found) < 0.12


@pytest.mark.parametrize("rule", ["allot", "ranked"])
def test_no_block_falls_far_below_its_uniform_width(rule):
    plan = plan_channels(NETWORK)
    least = 0.7 * np.array(budget.uniform(plan, 0.3))
    if rule == "allot":
        importance = np.array([100.0, 1.0, 1.0, 100.0])
        counts = budget.allot(plan, importance, 0.3, min_width=0.7)
    else:
        scores = np.concatenate(
            [np.full(len(b.groups), float(i)) for i, b in enumerate(plan.blocks)]
        )
        alive = budget.ranked(plan, scores, 0.3, min_width=0.7)
        counts = [int(alive[block.groups].sum()) for block in plan.blocks]
    assert (np.array(counts) >= np.floor(least)).all()
    assert min(counts / least) < 1.15


@pytest.mark.parametrize("importance", [(1.0, 20.0), (20.0, 1.0)])
@pytest.mark.parametrize("target", [0.35, 0.15])
def test_the_least_widths_do_not_break_the_budget(importance, target):
    network = build(conv("a", "input", 60), *head("a", [30]))
    plan = plan_channels(network)
    counts = budget.allot(plan, np.array(importance), target, min_width=0.7)
    assert flops(with_blocks(network, plan, counts)) <= target * flops(network)


def test_multiples_are_kept_within_the_budget():
    plan = plan_channels(NETWORK)
    counts = budget.allot(plan, np.ones(4), 0.5, multiple=8)
    sizes = [len(block.groups) for block in plan.blocks]
    assert all(count % 8 == 0 or count == size for count, size in zip(counts, sizes, strict=True))
    assert flops(with_blocks(NETWORK, plan, counts)) <= 0.5 * flops(NETWORK)


def test_ranked_drops_the_lowest_scores_first():
    plan = plan_channels(NETWORK)
    scores = np.random.default_rng(0).random(plan.groups)
    alive = budget.ranked(plan, scores, 0.4, min_width=0.0)
    assert scores[~alive].max() < np.sort(scores[alive])[4]  # one of each block is spared
    assert plan.cost(alive) <= 0.4 * plan.full_cost()


def test_strongest_takes_the_highest_scores_of_each_block():
    plan = plan_channels(build(conv("a", "input", 3), *head("a")))
    assert budget.strongest(plan, [2], np.array([1.0, 3.0, 2.0])).tolist() == [False, True, True]


@given(networks(), st.floats(0.1, 1.0), st.sampled_from(["uniform", "allot", "ranked"]))
def test_the_budget_holds_wherever_it_can(network, target, rule):
    plan = plan_channels(network)
    if rule == "ranked":
        alive = budget.ranked(plan, np.arange(plan.groups, dtype=float), target, min_width=0.0)
    elif rule == "allot":
        importance = np.geomspace(1.0, 100.0, len(plan.blocks))
        alive = budget.strongest(plan, budget.allot(plan, importance, target, min_width=0.7))
    else:
        alive = budget.strongest(plan, budget.uniform(plan, target))
    least = budget.strongest(plan, [1] * len(plan.blocks))
    assert plan.cost(alive) <= max(target * plan.full_cost() * (1 + 1e-9), plan.cost(least))
    assert all(alive[block.groups].any() for block in plan.blocks)


@pytest.mark.parametrize("rule", ["uniform", "allot"])
def test_the_whole_budget_changes_nothing(rule):
    plan = plan_channels(NETWORK)
    counts = budget.uniform(plan, 1.0) if rule == "uniform" else budget.allot(plan, np.ones(4), 1.0)
    assert counts == [20, 20, 20, 40]
