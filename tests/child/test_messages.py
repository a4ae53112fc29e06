"""Frames and the child's main loop, over real pipes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.child import messages as pipe
from mpineat.child.messages import Frames, Kind, RefusedStart, Setup, frame
from mpineat.errors import Infeasible
from mpineat.tasks import Outcome, Task, WireError, outcome_from_bytes, task_to_bytes
from tests import evaluations

SETUP = Setup(config=evaluations.config(), rank=3, host="node7", cores=(0, 1), gpu="GPU-1")


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=300))), st.data())
def test_frames_arrive_whole_however_the_pipe_cuts_them(messages, data):
    stream = b"".join(frame(kind, payload) for kind, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames, found = Frames(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += frames.feed(stream[start:end])
    assert found == messages


@pytest.mark.parametrize(
    "noise", [b"WARNING: something", b"mp\xff\0\0\0\0", b"mp\x01\xff\xff\xff\xff"]
)
def test_bytes_that_are_no_frame_are_refused(noise):
    with pytest.raises(WireError, match="not a frame"):
        list(Frames().feed(noise))


def test_setup_survives_the_pipe():
    assert Setup.from_bytes(SETUP.to_bytes()) == SETUP


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", SETUP.to_bytes()[:-9]])
def test_a_damaged_setup_is_refused(data):
    with pytest.raises(WireError, match="not a setup"):
        Setup.from_bytes(data)


class Served:
    """pipe.serve in a thread, with the rank's ends of its pipes."""

    def __init__(self, start: pipe.Start) -> None:
        theirs_in, self.out = os.pipe()
        self.inn, theirs_out = os.pipe()
        self.prepared: list[Setup] = []

        def run() -> None:
            pipe.serve(theirs_in, theirs_out, self.prepared.append, start)
            os.close(theirs_out)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        self.frames = Frames()

    def ask(self, kind: Kind, payload: bytes) -> tuple[Kind, bytes] | None:
        os.write(self.out, frame(kind, payload))
        while data := os.read(self.inn, 1 << 16):
            for answer in self.frames.feed(data):
                return answer
        return None


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[pipe.Start], Served]]:
    # signal handlers can be set by the main thread alone
    monkeypatch.setattr(pipe, "DEAF_TO", ())
    made: list[Served] = []

    def make(start: pipe.Start) -> Served:
        made.append(Served(start))
        return made[-1]

    yield make
    for one in made:
        os.close(one.out)
        one.thread.join(5)
        assert not one.thread.is_alive(), "the child must end when its pipe closes"


def test_a_child_answers_tasks_with_its_workers_name(served):
    child = served(lambda setup: ("a device", lambda task: evaluations.outcome(task)))
    assert child.ask(Kind.SETUP, SETUP.to_bytes()) == (Kind.READY, b'{"device": "a device"}')
    assert child.prepared == [SETUP]
    asked = evaluations.task(5, attempt=2)
    kind, payload = child.ask(Kind.TASK, task_to_bytes(asked))
    answer = outcome_from_bytes(payload)
    assert kind == Kind.OUTCOME
    assert (answer.candidate, answer.accuracy, answer.attempts) == (5, 0.5, 2)
    assert (answer.rank, answer.host, answer.device) == (3, "node7", "a device")
    assert answer.started > 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ValueError("two\nlines"), "error"), (Infeasible("empty", "x"), "infeasible")],
)
def test_an_exception_is_the_candidates_outcome_and_the_child_goes_on(
    served, error, reason, capsys
):
    def evaluate(task: Task) -> Outcome:
        if task.candidate.id == 1:
            raise error
        return evaluations.outcome(task)

    child = served(lambda setup: ("", evaluate))
    child.ask(Kind.SETUP, SETUP.to_bytes())
    failed = outcome_from_bytes(child.ask(Kind.TASK, task_to_bytes(evaluations.task(1)))[1])
    assert (failed.status, failed.fault, failed.reason) == ("failed", "candidate", reason)
    assert "\n" not in failed.detail
    good = outcome_from_bytes(child.ask(Kind.TASK, task_to_bytes(evaluations.task(2)))[1])
    assert good.status == "ok"
    assert "Traceback" in capsys.readouterr().err


def test_a_child_that_cannot_start_says_why(served):
    def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
        raise RefusedStart("the GPU is busy")

    assert served(start).ask(Kind.SETUP, SETUP.to_bytes()) == (Kind.REFUSED, b"the GPU is busy")


def test_the_signals_of_batch_systems_are_ignored():
    assert {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2} <= set(pipe.DEAF_TO)


@pytest.mark.parametrize("error", pipe.OF_THE_HOST)
def test_what_the_host_lacks_ends_the_child_and_is_no_outcome(error):
    def evaluate(task):
        raise error("failed to map segment from shared object")

    with pytest.raises(error):
        pipe._evaluate(evaluations.task(1), evaluate, SETUP, "cpu")
