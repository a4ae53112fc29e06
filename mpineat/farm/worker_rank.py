"""What a worker rank does: relay between rank 0 and its own supervisor; Local does it in place."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence

from mpineat.child.messages import Kind, Message, Setup, notice, refused
from mpineat.child.supervisor import Supervisor, beat
from mpineat.cluster.awake import Awake
from mpineat.cluster.stop import Stop
from mpineat.errors import FAILED
from mpineat.farm.link import LONGEST_PAUSE, Mailbox
from mpineat.store.log_file import LogFile
from mpineat.wire import WireError

# A worker that hears nothing from rank 0 for so many farm.lost_seconds takes it for dead; many,
# because rank 0 is silent while it breeds and writes.
SILENCES = 10
# Rank 0's abort ends this rank too, but in the recoverable modes of Open MPI, where it must go
# itself.
ABORT_SECONDS = 3.0


def serve(world: Mailbox, supervisor: Supervisor, stop: Stop | None = None) -> int | None:
    """Obey rank 0 until it says END; return the exit code that it gives, None when it is gone."""
    stop, told, leaving = stop or Stop(), False, False
    stop.on_second = lambda: None if leaving else world.send(0, notice(stop.reason() or "", True))
    stop.install()
    beat_seconds, lost_seconds = 5.0, 120.0  # until the setup comes
    clock = Awake()
    beaten = heard = clock()
    while True:
        # While the child owes an answer rank 0 has nothing urgent to say; else the child has not.
        if arrived := world.receive(0.0 if supervisor.owed else LONGEST_PAUSE):
            message, heard = arrived[1], clock()
            if message.kind == Kind.END:
                return _code(message)
            if message.kind == Kind.ABANDON:
                supervisor.close()
                time.sleep(ABORT_SECONDS)
                os._exit(_code(message))
            try:
                setup = obey(supervisor, message)
            except WireError as error:
                world.send(0, refused(f"rank 0 sent {error}"))
                continue
            if setup is not None:
                beat_seconds = setup.config.farm.beat_seconds
                lost_seconds = setup.config.farm.lost_seconds
                _log_to(setup.log_path)
            if message.kind == Kind.FAREWELL:
                # Not a word after this one: MPICH fails to finalize with a message not received.
                world.send(0, message)
                leaving = True
        news = supervisor.step(LONGEST_PAUSE if supervisor.owed else 0.0)
        if news and not leaving:
            world.send(0, news)
        now = clock()
        if not (told or leaving) and (reason := stop.reason()):
            told = True
            world.send(0, notice(reason, False))
        if now - beaten > beat_seconds and not leaving:
            beaten = now
            world.send(0, beat(supervisor))
        if 0 in world.lost() or now - heard > SILENCES * lost_seconds:
            return None


def obey(supervisor: Supervisor, message: Message) -> Setup | None:
    """Do what rank 0 asks a worker for; return the setup that it sent.

    Raises:
        WireError: It sent none.
    """
    if message.kind == Kind.SETUP:
        setup = Setup.from_bytes(message.payload)
        supervisor.setup(setup)
        return setup
    if message.kind == Kind.TASK:
        supervisor.give(message.payload)
    elif message.kind in (Kind.CLOSE, Kind.FAREWELL):
        supervisor.close()
    return None


class Local:
    """The link to the supervisor in this very process, where there is one rank."""

    def __init__(self, supervisor: Supervisor) -> None:
        """Be the way to `supervisor`."""
        self._supervisor = supervisor

    def send(self, rank: int, message: Message) -> None:
        """Do at once what a worker rank would do on arrival."""
        obey(self._supervisor, message)

    def receive(self, seconds: float) -> tuple[int, Message] | None:
        """Wait for the child at most `seconds`."""
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, end - time.monotonic())
            if news := self._supervisor.step(left):
                return 0, news
            if left <= 0:
                return None

    def lost(self) -> Sequence[int]:
        """Return nothing: there is nobody else."""
        return ()


def _log_to(path: str) -> None:
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        handlers=[LogFile(path)],
        force=True,
    )


def _code(message: Message) -> int:
    return message.payload[0] if message.payload else FAILED
