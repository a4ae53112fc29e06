"""Dominance, crowding, fronts and their hypervolume, by hand and by definition."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from mpineat import objectives
from mpineat.tasks import Outcome, ranked

INFINITE = float("inf")
POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30)


def dominates(a, b):
    return a[0] >= b[0] and a[1] <= b[1] and a != b


def outcome(candidate, accuracy, flops, network=None):
    return Outcome(
        candidate=candidate,
        network_hash=network or str(candidate),
        status="failed" if accuracy is None else "ok",
        accuracy=accuracy,
        flops_after=flops,
        parameters_after=100 - flops,
    )


def test_ranks_by_hand():
    # accuracy up, cost down:  A, B, C trade off; D is worse than B; E is worse than D
    points = [(0.9, 30), (0.8, 20), (0.5, 10), (0.7, 20), (0.6, 25), (0.8, 20)]
    assert objectives.ranks(points) == [0, 0, 0, 1, 2, 0]


@given(POINTS)
def test_a_rank_is_one_more_than_the_highest_of_those_that_dominate(points):
    ranks = objectives.ranks(points)
    for point, rank in zip(points, ranks, strict=True):
        above = [r for p, r in zip(points, ranks, strict=True) if dominates(p, point)]
        assert rank == max(above, default=-1) + 1


def test_crowding_by_hand():
    # The front spans 0.4 in accuracy and 30 in cost.
    front = [(0.9, 40), (0.5, 10), (0.8, 30), (0.6, 15), (0.6, 15)]
    found = objectives.crowding(front)
    assert found[:2] == [INFINITE, INFINITE]
    assert abs(found[2] - (0.3 / 0.4 + 25 / 30)) < 1e-12
    assert abs(found[3] - (0.3 / 0.4 + 20 / 30)) < 1e-12
    assert found[4] == 0  # its twin holds the place


def test_crowding_of_few_and_of_equal_points():
    assert objectives.crowding([]) == []
    assert objectives.crowding([(0.5, 1)]) == [INFINITE]
    assert objectives.crowding([(0.5, 1), (0.5, 1), (0.6, 2)]) == [INFINITE, 0, INFINITE]


def test_the_order_takes_front_after_front_and_the_lonely_first():
    points = [(0.6, 15), (0.9, 40), (0.55, 30), (0.5, 10), (0.61, 16), (0.8, 30)]
    # front 0: 1 and 3 are its ends, then 5 (lonely), 4, 0; front 1: 2
    assert objectives.order(points) == [1, 3, 5, 4, 0, 2]


@given(st.lists(st.integers(0, 5), max_size=20))
def test_with_one_objective_the_order_is_that_of_accuracy(accuracies):
    outcomes = [outcome(i, a / 10, 50 - i) for i, a in enumerate(accuracies)]
    assert objectives.best_first(outcomes, ["accuracy"]) == ranked(outcomes)


@given(POINTS)
def test_the_front_is_what_nothing_dominates(points):
    front = objectives.front_of(points)
    assert set(front) == {p for p in points if not any(dominates(q, p) for q in points)}
    assert len(front) == len(set(front))
    assert front == sorted(front, key=lambda point: point[1])


def test_hypervolume_by_hand():
    reference = (0.0, 10.0)
    assert objectives.hypervolume([], reference) == 0
    assert objectives.hypervolume([(0.5, 4)], reference) == 0.5 * 6
    both = [(0.5, 4), (0.8, 7)]
    assert abs(objectives.hypervolume(both, reference) - (0.5 * 6 + 0.3 * 3)) < 1e-12
    assert objectives.hypervolume([*both, (0.4, 5), (0.9, 11), (0.0, 1)], reference) == (
        objectives.hypervolume(both, reference)
    )


@given(POINTS)
def test_hypervolume_counts_every_cell_that_a_point_dominates(points):
    cells = {
        (accuracy, cost)
        for point in points
        for accuracy in range(point[0])
        for cost in range(point[1], 5)
    }
    assert objectives.hypervolume(points, (0, 5)) == len(cells)


def test_the_front_of_outcomes_has_a_candidate_for_each_network():
    found = [
        outcome(0, 0.9, 30),
        outcome(1, None, 1),
        outcome(2, 0.8, 20, "twin"),
        outcome(3, 0.8, 20, "twin"),
        outcome(4, 0.7, 25),
        outcome(5, 0.8, 20, "another"),
    ]
    front = objectives.front(found, ["accuracy", "flops"])
    assert [o.candidate for o in front] == [0, 2, 5]
    assert [o.candidate for o in objectives.front(found, ["accuracy", "parameters"])] == [0]
    assert [o.candidate for o in objectives.front(found, ["accuracy"])] == [0]
    assert all(not dominates((a.accuracy, a.flops_after), (b.accuracy, b.flops_after))
               for a, b in combinations(front, 2))  # fmt: skip
