"""How ranks part, over a pretended MPI: nobody is waited for in vain, nothing is said too late."""

from __future__ import annotations

import os
import threading
import time

import pytest

from mpineat.child.messages import NOTICE, Kind, Message, Notice
from mpineat.child.supervisor import Supervisor
from mpineat.farm import job, worker_rank
from mpineat.farm.job import Membership


class World:
    """Messages come from a list; what is sent, aborted and finalized is written down."""

    leader, library = 0, "pretended"

    def __init__(self, rank: int, size: int, incoming: list[tuple[int, Message]]) -> None:
        self.rank, self.size, self.incoming = rank, size, incoming
        self.sent: list[tuple[int, Message]] = []
        self.dead: set[int] = set()
        self.ended: list[str] = []

    def send(self, rank: int, message: Message) -> None:
        self.sent.append((rank, message))

    def receive(self, seconds: float) -> tuple[int, Message] | None:
        return self.incoming.pop(0) if self.incoming else None

    def lost(self) -> tuple[int, ...]:
        return tuple(self.dead)

    def reported_dead(self) -> frozenset[int]:
        return frozenset(self.dead)

    def abort(self, code: int) -> None:
        self.ended.append(f"abort {code}")

    def finalize(self) -> None:
        self.ended.append("finalize")

    def kinds(self) -> list[tuple[int, Kind]]:
        return [(rank, message.kind) for rank, message in self.sent]


class Left(BaseException):
    """Instead of os._exit."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(code: int) -> None:
        raise Left(code)

    for module in (job, worker_rank):
        monkeypatch.setattr(module.os, "_exit", leave)
    monkeypatch.setattr(job, "LEAVE_SECONDS", 0.2)
    monkeypatch.setattr(worker_rank, "ABORT_SECONDS", 0.0)


FAREWELL = Message(Kind.FAREWELL)


def test_all_ranks_finalize_with_one_code_after_their_farewell():
    world = World(0, 3, [(2, FAREWELL), (1, Message(Kind.BEAT, b"{}")), (1, FAREWELL)])
    assert Membership(world, None).end(75) == 75
    assert world.ended == ["finalize"]
    assert world.kinds() == [
        (1, Kind.FAREWELL),
        (2, Kind.FAREWELL),
        (1, Kind.END),
        (2, Kind.END),
    ]
    assert world.sent[-1][1].payload == bytes([75])


def test_a_rank_that_does_not_answer_gets_the_job_aborted_with_the_same_code():
    world = World(0, 3, [(1, FAREWELL)])
    with pytest.raises(Left) as left:
        Membership(world, None).end(75)
    assert left.value.args == (75,)
    assert world.ended == ["abort 75"]
    assert (1, Kind.ABANDON) in world.kinds()
    assert Kind.END not in [kind for _, kind in world.kinds()]


def test_a_rank_that_mpi_knows_to_be_dead_does_not_keep_the_others():
    world = World(0, 3, [(1, FAREWELL)])
    world.dead = {2}
    assert Membership(world, None).end(0) == 0
    assert world.ended == ["finalize"]


def test_an_exception_aborts_every_rank(capsys):
    world = World(0, 2, [])
    with pytest.raises(Left), Membership(world, None):
        raise ZeroDivisionError("for the test")
    assert world.ended == ["abort 1"]
    assert "ZeroDivisionError: for the test" in capsys.readouterr().err


def test_the_last_words_are_waited_for_until_they_are_read():
    """A launcher that is slow on a loaded machine must not lose the traceback to the abort."""
    theirs, ours = os.pipe()
    os.write(ours, b"ZeroDivisionError")
    reader = threading.Timer(0.5, os.read, [theirs, 100])
    reader.start()
    began = time.monotonic()
    job.await_reader(ours)
    assert time.monotonic() - began > 0.4
    reader.join()
    job.await_reader(ours)  # nothing is left
    os.close(theirs)
    os.close(ours)


def test_nobody_reads_a_file(tmp_path):
    with open(tmp_path / "log", "w") as file:
        file.write("words")
        file.flush()
        job.await_reader(file.fileno())


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


def test_a_worker_returns_the_code_that_rank_0_gives(supervisor, monkeypatch):
    monkeypatch.setattr(worker_rank.Stop, "install", lambda self: None)
    world = World(1, 2, [(0, FAREWELL), (0, Message(Kind.END, bytes([2])))])
    assert worker_rank.serve(world, supervisor) == 2
    assert world.kinds() == [(0, Kind.FAREWELL)]


def test_a_worker_says_nothing_after_its_farewell(supervisor, monkeypatch):
    monkeypatch.setattr(worker_rank.Stop, "install", lambda self: None)
    monkeypatch.setattr(worker_rank.Stop, "reason", lambda self: "SIGTERM")
    world = World(1, 2, [(0, FAREWELL)])
    late = iter([None] * 5 + [(0, Message(Kind.END, b"\0"))])
    receive = world.receive
    monkeypatch.setattr(world, "receive", lambda seconds: receive(seconds) or next(late))
    assert worker_rank.serve(world, supervisor) == 0
    assert world.kinds() == [(0, Kind.FAREWELL)]


def test_an_abandoned_worker_leaves_without_mpi(supervisor, monkeypatch):
    monkeypatch.setattr(worker_rank.Stop, "install", lambda self: None)
    world = World(1, 2, [(0, Message(Kind.ABANDON, bytes([75])))])
    with pytest.raises(Left) as left:
        worker_rank.serve(world, supervisor)
    assert left.value.args == (75,)
    assert world.ended == []


def test_a_worker_tells_rank_0_of_its_signal_once(supervisor, monkeypatch):
    monkeypatch.setattr(worker_rank.Stop, "install", lambda self: None)
    monkeypatch.setattr(worker_rank.Stop, "reason", lambda self: "SIGUSR2")
    late = iter([None] * 5 + [(0, Message(Kind.END, b"\0"))])
    world = World(1, 2, [])
    monkeypatch.setattr(world, "receive", lambda seconds: next(late))
    worker_rank.serve(world, supervisor)
    notices = [NOTICE.unpack(m.payload) for _, m in world.sent if m.kind == Kind.SIGNAL]
    assert notices == [Notice(reason="SIGUSR2", again=False)]


def test_a_worker_whose_rank_0_is_gone_ends_the_job(supervisor, monkeypatch):
    monkeypatch.setattr(worker_rank.Stop, "install", lambda self: None)
    world = World(1, 2, [])
    world.dead = {0}
    assert worker_rank.serve(world, supervisor) is None
