"""Journals of earlier versions, whose lines name no version, are read as ever.

Lines 1 to 3 of the fixture were written by dry runs of commit 115d76e, one on each schedule; its
journal also wrote 4 and 5, which have what those runs had not: evolved settings, a failure.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from mpineat.genotype.genes import BlueprintNode, Connection, Hyperparameters, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.store import directory, journal, journal_line
from mpineat.store.earlier_journal import as_today
from mpineat.tasks import Compressed
from mpineat.wire import WireError

FIXTURE = Path(__file__).with_name("earlier_journal.jsonl")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    shutil.copy(FIXTURE, tmp_path / directory.JOURNAL)
    return tmp_path


def test_every_line_is_read(run_dir: Path) -> None:
    found = journal.read(run_dir)
    assert found.damaged == ()
    assert [(line.generation, type(line.item()).__name__) for line in found.lines] == [
        (2, "Candidate"),
        (2, "Outcome"),
        (3, "Outcome"),
        (4, "Candidate"),
        (4, "Outcome"),
    ]


def test_a_candidate_is_what_it_was(run_dir: Path) -> None:
    lines = journal.read(run_dir)
    [first], [second] = (lines.of(generation).candidates for generation in (2, 4))
    assert first == Candidate(
        id=13,
        generation=2,
        blueprint=Blueprint(
            id=16,
            nodes=(BlueprintNode(3, 0), BlueprintNode(6, 1)),
            connections=(
                Connection(4, 0, 3, True),
                Connection(7, 3, 6, True),
                Connection(8, 6, 1, True),
            ),
            dense=(80,),
            parents=(1,),
            birth=2,
        ),
        modules=(
            (
                0,
                Module(
                    id=24,
                    nodes=(ModuleNode(3, 40, 1, "none", 0.4941181549673114),),
                    connections=(Connection(4, 0, 3, True), Connection(5, 3, 1, True)),
                    join="add",
                    parents=(4, 14),
                    birth=2,
                ),
            ),
            (
                1,
                Module(
                    id=25,
                    nodes=(
                        ModuleNode(3, 17, 1, "none", 0.47348164590437436),
                        ModuleNode(6, 42, 5, "none", 0.12404197152691607),
                    ),
                    connections=(
                        Connection(4, 0, 3, True),
                        Connection(7, 3, 6, True),
                        Connection(8, 6, 1, True),
                    ),
                    join="add",
                    parents=(21,),
                    birth=2,
                ),
            ),
        ),
    )
    assert second.blueprint.training == Hyperparameters(
        learning_rate=0.0003743048939777835,
        momentum=0.8762162210261549,
        nesterov=True,
        flip=False,
        shift=0.05730710901035078,
        scale=0.19150527607222165,
        rotate=2.3960837195561786,
        brightness=0.28184518346091414,
        contrast=0.41567278282975234,
        saturation=0.14815134096631943,
        hue=45.0,
    )


def test_an_outcome_is_what_it_was(run_dir: Path) -> None:
    lines = journal.read(run_dir)
    [steady], [generational], [failed] = (lines.of(number).outcomes for number in (2, 3, 4))
    assert (steady.candidate, steady.accuracy, steady.rank) == (13, 0.8401943595852354, 1)
    assert steady.seconds.queue == 1.6669398899999806
    assert steady.seconds.total == 0.23975184400001126
    assert list(steady.seconds.stages) == [
        *("assemble", "structure_learning", "build", "train", "evaluate")
    ]
    assert steady.seconds.stages["train"] > 0
    assert (generational.candidate, len(generational.curve)) == (20, 12)
    assert generational.network_before["layers"][0]["filters"] == 29
    assert generational.network_after["layers"][0]["kernel"] == [1, 1]
    assert (failed.status, failed.fault, failed.reason) == ("failed", "candidate", "nan")
    assert math.isnan(failed.loss)
    assert math.isnan(failed.curve[0].val_loss)
    assert failed.curve[0].loss == math.inf
    assert failed.detail == "caf\u00e9 ?", "a file name that is no UTF-8 stood there"
    assert failed.compressed == Compressed(
        dead_at_start={"a": 0.5},
        alive=((0, 10), (5, 7)),
        widths={"a": (16, 5)},
        step_seconds=(0.25, 0.125),
        removed=("b",),
    )


def test_the_journal_goes_on_behind_earlier_lines_and_folds_them(run_dir: Path) -> None:
    before = journal.read(run_dir)
    with journal.Journal(run_dir, "run") as book:
        [first], [second] = before.of(2).candidates, before.of(4).candidates
        book.append(4, first)
        assert [one.id for one in book.of(4).candidates] == [21, 13]
        book.fold(3)
        assert book.of(4).candidates == (second, first)
        assert book.of(3).outcomes == before.of(3).outcomes
        assert book.of(2).entries == ()


@pytest.mark.parametrize(
    ("rate", "training"), [(None, None), (0.5, Hyperparameters(learning_rate=0.5))]
)
def test_a_blueprint_that_evolved_its_learning_rate_alone_is_read(rate, training) -> None:
    value = json.loads(FIXTURE.read_bytes().split(b"\n")[0])["value"]
    del value["blueprint"]["training"]
    value["blueprint"]["learning_rate"] = rate
    text = as_today("candidate", json.dumps(value).encode())
    assert journal_line.CANDIDATE.loads(text).blueprint.training == training


@pytest.mark.parametrize("kind", ["outcome", "candidate"])
@pytest.mark.parametrize(
    "text", [b"", b"[]", b"7", b'{"blueprint":7}', b"[" * 10**6, b"1" * 5000, b"\xff"]
)
def test_what_is_no_line_is_refused_in_one_line(kind: str, text: bytes) -> None:
    codec = journal_line.OUTCOME if kind == "outcome" else journal_line.CANDIDATE
    with pytest.raises(WireError) as caught:
        codec.loads(as_today(kind, text))
    assert "\n" not in str(caught.value)
