"""The log: what a reader finds in it a week later."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mpineat.config import Config, Evolution, Final
from mpineat.evolution.state import Population, Species, State
from mpineat.genotype.genome import Blueprint, Module
from mpineat.log import console, generation_row
from mpineat.log.progress import Progress
from mpineat.store import now
from mpineat.tasks import Epoch, Outcome, Seconds

MODULE = Module(id=3, nodes=(), connections=(), join="add")
BLUEPRINT = Blueprint(id=5, nodes=(), connections=(), dense=(32,))
OK = Outcome(
    candidate=0,
    network_hash="0" * 16,
    status="ok",
    accuracy=0.5,
    loss=1.0,
    flops_before=3000,
    flops_after=1000,
    parameters_after=120,
    seconds=Seconds(total=10.0),
    rank=1,
    host="node7",
)
CONFIG = Config(evolution=Evolution(generations=2, candidates=4, early_discarding="none"))


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class OnRank:
    rank: int
    candidate: int = 0
    since: float = 0.0
    host: str = "node7"
    device: str = "GPU 0"


def state(generation: int = 0) -> State:
    def population(genome: Module | Blueprint, species: int) -> Population:  # type: ignore[type-arg]
        kinds = tuple(Species(id=i, representative=genome, members=()) for i in range(species))
        return Population(
            genomes=(genome,),
            species=kinds,
            threshold=1.0,
            next_innovation=1,
            next_genome=1,
            next_species=1,
        )

    return State(
        generation=generation,
        evaluated=True,
        modules=population(MODULE, 3),
        blueprints=population(BLUEPRINT, 2),
        next_candidate=4,
    )


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Return what the console of a batch job receives."""
    text = io.StringIO()
    handler = console.Console(text)
    handler.setLevel(logging.INFO)
    logger = logging.getLogger("mpineat")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield text
    logger.removeHandler(handler)
    logger.setLevel(level)


def launched(clock: Clock, progress: Progress | None = None, **changes: object) -> Progress:
    progress = progress or Progress(CONFIG, Path("runs/digits-s0"), clock=clock)
    given = {
        "config_name": "digits",
        "ranks": 3,
        "workers": (OnRank(1), OnRank(2)),
        "dataset": "digits, 8x8x1",
        "classes": 10,
    }
    progress.launched(**{**given, **changes})  # type: ignore[arg-type]
    return progress


def test_first_lines_name_what_runs_where(stream: io.StringIO) -> None:
    launched(Clock())
    text = stream.getvalue()
    assert "configuration  digits, seed 0" in text
    assert "data set       digits, 8x8x1" in text
    assert "ranks          3: rank 0 selects, 2 workers: node7 with 2 on GPU 0" in text
    assert "at most 8 trainings of 8 epochs each" in text
    assert "runs/digits-s0" in text


def test_thousands_of_hosts_make_one_line_of_bounded_length(stream: io.StringIO) -> None:
    workers = tuple(replace(OnRank(rank), host=f"node{rank}") for rank in range(1, 4001))
    launched(Clock(), ranks=4001, workers=workers)
    line = next(line for line in stream.getvalue().splitlines() if "ranks  " in line)
    assert "4,000 workers" in line
    assert "and 3994 more hosts" in line
    assert len(line) < 400


def test_workers_without_gpus_say_how_many_cores_each_of_them_has(stream: io.StringIO) -> None:
    workers = tuple(OnRank(rank, host="vm", device="1 core") for rank in (1, 2))
    launched(Clock(), ranks=3, workers=workers)
    assert "2 workers: vm with 2 on 1 core each\n" in stream.getvalue()


def test_generation_row_reports_accuracy_failures_reuse_and_busy_share(stream: io.StringIO) -> None:
    clock = Clock()
    progress = launched(clock)
    outcomes = (
        OK,
        replace(OK, candidate=1, accuracy=0.7, seconds=Seconds(total=20.0)),
        replace(OK, candidate=2, accuracy=0.6, reused_from=0),
        replace(OK, candidate=3, status="failed", fault="candidate", reason="nan", accuracy=None),
    )
    for outcome in outcomes:
        progress.finished(outcome)
    clock.now += 25.0
    figures = progress.generation(state(), outcomes)
    assert figures.best == 0.7
    assert figures.mean == pytest.approx(0.6)
    assert (figures.failed, figures.reused, figures.candidates) == (1, 1, 4)
    assert figures.busy == pytest.approx((10 + 20 + 10) / (25 * 2))  # the reused one took no worker
    header, line, failures = stream.getvalue().splitlines()[-3:]
    assert header.split()[2:] == generation_row.HEADER.split()
    # 4 candidates are left, and a final of 8 trainings that take twice as long.
    assert line.split()[2:] == [
        *("0", "0.7000", "0.6000", "3+2", "1/4", "0", "1", "1.00", "k", "80", "%", "0:25", "2:05")
    ]
    assert failures.endswith("failed: 1 nan")


def test_screened_candidates_count_when_it_is_decided_that_they_go_no_further(
    stream: io.StringIO,
) -> None:
    clock = Clock()
    progress = launched(clock)
    point = Epoch(epoch=1, loss=2.0, accuracy=0.2, val_loss=2.0, val_accuracy=0.2)
    screened = replace(OK, candidate=1, status="discarded", accuracy=None, curve=(point,))
    for outcome in (OK, screened, replace(screened, candidate=2)):
        progress.finished(outcome)
    clock.now += 61.0
    progress.beat((), 0)
    assert "generation 0: 1 of 4 evaluated, 2 more screened" in stream.getvalue()
    progress.discarded(2)
    clock.now += 61.0
    progress.beat((), 0)
    assert "generation 0: 3 of 4 evaluated, best so far 0.5000, 0 queued" in stream.getvalue()


def test_what_is_left_is_what_the_farm_expects_and_what_is_to_come(stream: io.StringIO) -> None:
    clock = Clock()
    progress = launched(clock)
    clock.now += 61.0
    progress.beat((), 4)
    assert "left" not in stream.getvalue(), "nothing is known"
    ahead = now.Ahead(seconds=60.0, usual_seconds=20.0, full=4, sure=True)
    clock.now += 61.0
    progress.beat((), 4, lambda: ahead)
    # 4 candidates of generation 1 and a final of 8 trainings, twice as long, by 2 workers.
    assert "0 of 4 evaluated, 4 queued, about 3:50 left" in stream.getvalue()


def test_of_screens_alone_follows_what_is_left_at_least(stream: io.StringIO) -> None:
    clock = Clock()
    evolution = Evolution(generations=1, candidates=6, early_discarding="screen")
    config = Config(evolution=evolution, final=Final(candidates=0))
    progress = launched(clock, Progress(config, Path("runs/digits-s0"), clock=clock))
    ahead = now.Ahead(seconds=60.0, usual_seconds=80.0, full=0, sure=False)
    clock.now += 61.0
    progress.beat((), 6, lambda: ahead)
    # What is asked for, and then the best 2 of 6 in full.
    assert "at least 1:50 left" in stream.getvalue()


def test_a_stop_says_what_its_grace_is_for(stream: io.StringIO) -> None:
    progress = launched(Clock())
    progress.stopping(1, 0, 25.0)
    progress.stopping(2, 1, 25.0)
    lines = [line.partition("stopping: ")[2] for line in stream.getvalue().splitlines()[-2:]]
    assert lines == [
        "1 evaluation is given 25 s",
        "2 evaluations are given 25 s; 1 would take longer: ended at once",
    ]


def test_candidates_that_learnt_nothing_are_named(stream: io.StringIO) -> None:
    progress = launched(Clock())
    progress.generation(state(), (OK, replace(OK, candidate=1, accuracy=0.11)))
    assert stream.getvalue().endswith("no better than chance: 1 candidate\n")


def test_columns_stand_under_their_names() -> None:
    figures = generation_row.Row(
        generation=12,
        best=0.98765,
        mean=None,
        module_species=10,
        blueprint_species=12,
        candidates=1000,
        failed=17,
        discarded=12,
        reused=123,
        flops=123_456_789,
        seconds=1.0,
        busy=1.0,
    )
    line = generation_row.row_text(figures, 100_000, 3)
    ends = [match.end() for match in re.finditer(r"\S+", generation_row.HEADER)]
    assert all(line[end - 1] != " " for end in ends)
    assert len(line) == len(generation_row.HEADER)


def test_heartbeat_comes_once_a_minute_and_names_the_longest(stream: io.StringIO) -> None:
    clock = Clock()
    progress = launched(clock)
    before = stream.getvalue()
    running = [
        OnRank(rank=rank, candidate=10 + rank, since=clock.now - rank) for rank in range(1, 9)
    ]
    for _ in range(59):
        clock.now += 1
        progress.beat(running, queued=5)
    assert stream.getvalue() == before
    clock.now += 1
    progress.beat(running, queued=5)
    progress.beat(running, queued=5)
    beats = stream.getvalue()[len(before) :].splitlines()
    assert len(beats) == 1
    assert "0 of 4 evaluated, 5 queued; running: 18 on rank 8 for 1:08" in beats[0]
    assert beats[0].endswith("and 2 more")


def test_machine_failures_are_always_shown_candidates_only_when_asked(stream: io.StringIO) -> None:
    progress = launched(Clock())
    before = len(stream.getvalue())
    progress.finished(OK)
    assert len(stream.getvalue()) == before
    lost = replace(
        OK, status="failed", fault="machine", reason="killed", detail="signal 9", accuracy=None
    )
    progress.finished(lost)
    assert stream.getvalue()[before:].endswith(
        "candidate 0 failed on rank 1 (node7): killed: signal 9\n"
    )


def test_stop_says_how_to_continue_and_resume_says_what_it_found(stream: io.StringIO) -> None:
    progress = launched(Clock(), generation=1, evaluated=(OK,), best=replace(OK, accuracy=0.9))
    assert "resumed        in generation 1 with 1 of 4 candidates" in stream.getvalue()
    assert "at most 3 trainings" in stream.getvalue()
    progress.finished(replace(OK, candidate=2, reused_from=0))  # a resume finds it out again
    progress.stopped("SIGTERM")
    assert "SIGTERM; generation 1 has 1 of 4 candidates evaluated" in stream.getvalue()
    assert "--resume" in stream.getvalue()


def test_end_names_the_best_of_all_launches(stream: io.StringIO) -> None:
    earlier = replace(OK, candidate=2, accuracy=0.9)
    progress = launched(Clock(), generation=1, best=earlier)
    progress.finished(replace(OK, candidate=7, accuracy=0.8))
    progress.done()
    assert "best: candidate 2: accuracy 0.9000, 1.00 k flops of 3.00 k" in stream.getvalue()
    assert "python -m mpineat report runs/digits-s0" in stream.getvalue()


def test_end_of_a_run_in_which_everything_failed(stream: io.StringIO) -> None:
    progress = launched(Clock())
    progress.finished(replace(OK, status="failed", fault="candidate", reason="nan", accuracy=None))
    progress.done()
    assert "no candidate could be trained" in stream.getvalue()
