"""Layouts, timelines and families: properties that make a drawing right."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.genotype.genes import BlueprintNode, Connection
from mpineat.genotype.genome import Blueprint, Candidate
from mpineat.report import charts, drawing
from mpineat.report.family import family
from mpineat.report.layout import layered
from mpineat.report.overview import Overview
from mpineat.report.timeline import timeline
from mpineat.tasks import Outcome, Seconds
from tests.phenotype.networks import build, depthwise, head, norm
from tests.strategies import MODERN, Nursery


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    """Draw nodes and edges from lower to higher numbers: acyclic."""
    size = draw(st.integers(1, 12))
    pairs = [(a, b) for a in range(size) for b in range(a + 1, size)]
    edges = draw(st.lists(st.sampled_from(pairs), max_size=24)) if pairs else []
    return list(range(size)), edges


@given(graphs())
def test_layout_keeps_direction_and_never_overlaps(
    graph: tuple[list[int], list[tuple[int, int]]],
) -> None:
    nodes, edges = graph
    layout = layered(nodes, edges)
    assert set(layout.places) == set(nodes)
    assert all(layout.places[a][1] < layout.places[b][1] for a, b in edges)
    for row in range(layout.rows):
        columns = sorted(x for x, y in layout.places.values() if y == row)
        assert all(b - a >= 1 - 1e-9 for a, b in pairwise(columns))
        assert all(0.5 - 1e-9 <= x <= layout.columns - 0.5 + 1e-9 for x in columns)
    for (source, target), path in layout.paths.items():
        assert path[0] == layout.places[source]
        assert path[-1] == layout.places[target]
        assert [y for _, y in path] == list(range(path[0][1], path[-1][1] + 1))


def evaluation(candidate: int, rank: int, started: float, seconds: float) -> Outcome:
    return Outcome(
        candidate=candidate,
        network_hash="",
        status="ok",
        rank=rank,
        started=started,
        seconds=Seconds(total=seconds, stages={"structure_learning": 1.0, "train": seconds - 2.0}),
    )


def test_timeline_cuts_the_pause_between_launches() -> None:
    outcomes = [
        evaluation(0, 1, 1010.0, 10.0),
        evaluation(1, 2, 1010.0, 5.0),
        evaluation(2, 1, 9005.0, 5.0),  # launched again at 9000
    ]
    times = timeline(outcomes, launches=(1000.0, 9000.0), generation_of={0: 0, 1: 0, 2: 1})
    assert times.seconds == pytest.approx(20 + 10)
    assert times.cuts == pytest.approx((20.0,))
    assert times.busy == {1: pytest.approx(0.5), 2: pytest.approx(5 / 30)}
    assert times.ends == {0: pytest.approx(20), 1: pytest.approx(30)}
    stages = [(bar.stage, bar.start, bar.seconds) for bar in times.bars if bar.start >= 20]
    assert stages == [
        ("structure_learning", pytest.approx(25), 1.0),
        ("train", pytest.approx(26), 3.0),
        ("other", pytest.approx(29), pytest.approx(1.0)),
    ]


def test_stages_have_the_order_of_the_fullest_evaluation_and_a_colour_each() -> None:
    known = evaluation(0, 1, 1000.0, 10.0)
    names = ("assemble", *(f"stage_{number}" for number in range(9)), "train")
    fuller = replace(
        evaluation(1, 1, 1010.0, 20.0),
        seconds=Seconds(total=20.0, stages=dict.fromkeys(names, 1.0)),
    )
    times = timeline([known, fuller])
    assert times.stages == (*names, "structure_learning")
    assert list(charts.stage_colours(times.stages)) == [*times.stages, "other", "idle"]
    assert {bar.stage for bar in times.bars} == {*times.stages, "other"}


def test_timeline_counts_no_time_twice_for_reused_outcomes() -> None:
    first = evaluation(0, 1, 1000.0, 10.0)
    times = timeline([first, replace(first, candidate=1, reused_from=0)])
    assert times.busy_share == 1.0
    assert len(times.bars) == 3


def test_family_holds_every_ancestor_and_no_one_else(finished: Overview) -> None:
    blueprints = {b.id: b for state in finished.states for b in state.blueprints.genomes}
    youngest = max(blueprints.values(), key=lambda b: (b.birth, b.id))
    kin = family(youngest, finished.states)
    wanted, waiting = set(), [youngest.id]
    while waiting:
        number = waiting.pop()
        if number in blueprints and number not in wanted:
            wanted.add(number)
            waiting += blueprints[number].parents
    assert set(kin.births) == wanted
    assert len(wanted) > 1
    assert all(kin.births[p] < kin.births[child] for child, ps in kin.parents.items() for p in ps)


def test_charts_are_well_formed_and_keep_text_as_text(finished: Overview) -> None:
    accuracies = [(0, [0.5, 0.75, 0.9]), (1, [0.8])]
    best = finished.best
    assert best is not None
    drawn = (
        charts.fitness_chart(accuracies),
        charts.species_chart(finished.states),
        charts.flops_chart(finished.outcomes, finished.generation_of),
        charts.learning_chart(best),
        charts.gantt_chart(timeline(finished.outcomes)),
    )
    for svg in drawn:
        root = ElementTree.fromstring(svg.replace("<svg", '<svg xmlns="a"', 1))
        assert root.get("viewBox")
    assert ">validation accuracy<" in drawn[0]


def test_charts_without_data_are_left_out() -> None:
    assert charts.fitness_chart([(0, [])]) is None
    assert charts.species_chart([]) is None
    assert charts.flops_chart([], {}) is None
    assert charts.gantt_chart(timeline([])) is None


def test_modern_genes_and_layers_are_named() -> None:
    nursery = Nursery(2, MODERN)
    gene = nursery.module(0).nodes[0]._replace(convolution="separable", activation="swish")
    own = nursery.module(0)._replace(
        nodes=(gene._replace(id=2),),
        connections=(Connection(3, 0, 2, True), Connection(4, 2, 1, True)),
    )
    blueprint = Blueprint(
        0,
        (BlueprintNode(2, 0, "stride"),),
        (Connection(3, 0, 2, True), Connection(4, 2, 1, True)),
        (),
    )
    candidate = Candidate(0, 0, blueprint, ((0, own),))
    assert "species 0, stride 2" in drawing.blueprint_drawing(candidate)
    drawn = drawing.module_drawing(own, 0, "square")
    assert "sep conv" in drawn
    assert "swish" in drawn
    layers = build(norm("a", "input", 4, steps=2), depthwise("d", "a"), *head("d"))
    shown = drawing.network_drawing(layers, layers, {})
    assert f"conv+bn 3{drawing.TIMES}3 /2" in shown
    assert f"depthwise conv 3{drawing.TIMES}3" in shown
    ElementTree.fromstring(shown)
