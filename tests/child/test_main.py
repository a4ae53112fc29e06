"""The child's main loop, over real pipes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from mpineat.child import main as child_main
from mpineat.child.agreement import check_answer, read_outcome
from mpineat.child.failures import OF_THE_HOST, RefusedStart
from mpineat.child.messages import READY, REFUSAL, Frames, Kind, Ready, Refusal, Setup, frame
from mpineat.errors import Failure, Infeasible, InputError
from mpineat.tasks import Outcome, Task, outcome_from_bytes, task_to_bytes
from mpineat.wire import LARGEST
from tests import evaluations

SETUP = Setup(config=evaluations.config(), rank=3, host="node7", cores=(0, 1), gpu="GPU-1")


class Served:
    """child_main.serve in a thread, with the rank's ends of its pipes."""

    def __init__(self, start: child_main.Start) -> None:
        theirs_in, self.out = os.pipe()
        self.inn, theirs_out = os.pipe()
        self.prepared: list[Setup] = []

        def run() -> None:
            child_main.serve(theirs_in, theirs_out, self.prepared.append, start)
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
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[child_main.Start], Served]]:
    # signal handlers can be set by the main thread alone
    monkeypatch.setattr(child_main, "DEAF_TO", ())
    made: list[Served] = []

    def make(start: child_main.Start) -> Served:
        made.append(Served(start))
        return made[-1]

    yield make
    for one in made:
        os.close(one.out)
        one.thread.join(5)
        assert not one.thread.is_alive(), "the child must end when its pipe closes"


def test_a_child_answers_tasks_with_its_workers_name(served):
    child = served(lambda setup: ("a device", lambda task: evaluations.outcome(task)))
    assert child.ask(Kind.SETUP, SETUP.to_bytes()) == (
        Kind.READY,
        READY.pack(Ready(device="a device")),
    )
    assert child.prepared == [SETUP]
    asked = evaluations.task(5, attempt=2)
    kind, payload = child.ask(Kind.TASK, task_to_bytes(asked))
    answer = outcome_from_bytes(payload)
    assert kind == Kind.OUTCOME
    assert (answer.candidate, answer.accuracy, answer.attempts) == (5, 0.5, 2)
    assert (answer.rank, answer.host, answer.device) == (3, "node7", "a device")
    assert answer.started > 0


@pytest.mark.parametrize(
    ("error", "reason", "fault"),
    [
        (ValueError("two\nlines"), "error", "candidate"),
        (Infeasible("too_deep", "x"), "infeasible", "candidate"),
        (Failure("throttled", "machine", "hot"), "throttled", "machine"),
    ],
)
def test_an_exception_is_an_outcome_and_the_child_goes_on(served, error, reason, fault, capsys):
    def evaluate(task: Task) -> Outcome:
        if task.candidate.id == 1:
            raise error
        return evaluations.outcome(task)

    child = served(lambda setup: ("", evaluate))
    child.ask(Kind.SETUP, SETUP.to_bytes())
    failed = outcome_from_bytes(child.ask(Kind.TASK, task_to_bytes(evaluations.task(1)))[1])
    assert (failed.status, failed.fault, failed.reason) == ("failed", fault, reason)
    assert "\n" not in failed.detail
    good = outcome_from_bytes(child.ask(Kind.TASK, task_to_bytes(evaluations.task(2)))[1])
    assert good.status == "ok"
    # A traceback is for what nobody expected.
    assert ("Traceback" in capsys.readouterr().err) == (reason == "error")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"detail": "x" * LARGEST}, "cannot be sent: at most"),
        ({"detail": "n\udcff"}, "cannot be sent"),
        ({"accuracy": 1.5}, "accuracy"),
        ({"accuracy": None}, "not an outcome"),
        ({"network_after": {"layers": []}}, "network_after"),
    ],
)
def test_an_outcome_that_nobody_would_accept_is_a_failure_of_its_candidate(served, fields, why):
    child = served(lambda setup: ("", lambda task: evaluations.outcome(task, **fields)))
    child.ask(Kind.SETUP, SETUP.to_bytes())
    for number in (1, 2):  # and the child lives on
        answer = child.ask(Kind.TASK, task_to_bytes(evaluations.task(number)))
        failed = read_outcome(answer[1])
        check_answer(failed, evaluations.task(number))
        assert (failed.fault, failed.reason, failed.rank) == ("candidate", "error", 3)
        assert why in failed.detail


@pytest.mark.parametrize(("error", "of_input"), [(InputError, True), (RefusedStart, False)])
def test_a_child_tells_wrong_input_from_a_wrong_node(served, error, of_input):
    def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
        raise error("/data/x.npz: damaged")

    _, said = served(start).ask(Kind.SETUP, SETUP.to_bytes())
    assert REFUSAL.unpack(said) == Refusal(why="/data/x.npz: damaged", input=of_input)


def test_a_child_that_cannot_read_its_setup_says_so(served):
    child = served(lambda setup: ("", evaluations.outcome))
    kind, said = child.ask(Kind.SETUP, b"setup 1 {}")
    assert kind == Kind.REFUSED
    assert b"expected a setup of version" in said


def test_the_signals_of_batch_systems_are_ignored():
    sent = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2}
    assert sent <= set(child_main.DEAF_TO)


@pytest.mark.parametrize("error", OF_THE_HOST)
def test_what_the_host_lacks_ends_the_child_and_is_no_outcome(error):
    def evaluate(task):
        raise error("failed to map segment from shared object")

    with pytest.raises(error):
        child_main._evaluate(evaluations.task(1), evaluate, SETUP, "cpu")
