"""Joins the MPI job and moves messages between ranks; the only file that knows MPI."""

from __future__ import annotations

import array
import logging
import time
import warnings
from collections import deque
from types import ModuleType
from typing import Any

from mpineat.child.messages import Kind, Message
from mpineat.child.process import Child
from mpineat.cluster import launcher
from mpineat.errors import FarmError
from mpineat.farm.dispatch import Farm as Farm
from mpineat.farm.job import Membership as Membership
from mpineat.farm.link import SHORTEST_PAUSE, Patience

log = logging.getLogger(__name__)

LAST_WORDS_SECONDS = 2.0  # how long messages on their way may hold up the end of MPI


def join() -> Membership:
    """Become a part of the job that this process was launched in.

    A worker starts its child first: exec is safest before MPI registers memory. One process alone
    needs no MPI and loads none: on a login node that can abort the process.

    Raises:
        InputError: No MPI library, or one that does not belong to the launcher. On other ranks than
            0, which would only repeat the message, SystemExit instead.
    """
    launch = launcher.launched()
    if launch is None or launch.size == 1:
        return Membership(None, None)
    child = Child() if launch.rank > 0 else None
    with launcher.said_once():
        return Membership(World(launch), child)


class World:
    """The MPI job: its size, this process's rank, and a mailbox.

    Point-to-point messages of bytes, sent and received without ever waiting inside MPI: a blocking
    call burns a core, keeps signal handlers from running, and hangs with a peer that died.

    Attributes:
        leader: Lowest rank on this node.
        library: The MPI library's name and version.
    """

    def __init__(self, launch: launcher.Launch) -> None:
        """Initialise MPI.

        Raises:
            InputError: No library, or one that does not belong to the launcher.
        """
        self._mpi = _load(launch)
        self._comm = self._mpi.COMM_WORLD
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        self.library = _library(self._mpi)
        launcher.check_size(launch, self.library, self.size)
        self._source = self._mpi.ANY_SOURCE if self.rank == 0 else 0
        self._status = self._mpi.Status()
        self._patience = Patience()
        # (request, buffer): MPI reads the buffer until it is sent.
        self._sending: list[tuple[Any, bytearray]] = []
        # (request, buffer, source, tag)
        self._receiving: deque[tuple[Any, bytearray, int, int]] = deque()
        self._failed: set[int] = set()
        self._reported: deque[int] = deque()
        self.leader = self._find_leader()

    def send(self, rank: int, message: Message) -> None:
        """Send without waiting; to a rank that is gone, into the void."""
        self._sending = [pair for pair in self._sending if not self._done(pair[0])]
        if rank in self._failed:
            return
        buffer = bytearray(message.payload)
        try:
            request = self._comm.Isend([buffer, self._mpi.BYTE], dest=rank, tag=message.kind)
        except self._mpi.Exception as error:
            self._note_failure(error)
        else:
            self._sending.append((request, buffer))

    def receive(self, seconds: float) -> tuple[int, Message] | None:
        """Return the next message and its sender; looks for it with growing pauses."""
        end = time.monotonic() + seconds
        while (found := self._look()) is None:
            left = end - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(self._patience.pause(), left))
        self._patience.reset()
        return found

    def lost(self) -> tuple[int, ...]:
        """Return ranks that MPI reported dead since the last call (ULFM alone reports them)."""
        ranks = tuple(self._reported)
        self._reported.clear()
        return ranks

    def reported_dead(self) -> frozenset[int]:
        """Return all ranks that MPI reported dead: unlike silent ones they let it finalize."""
        return frozenset(self._failed)

    def abort(self, code: int) -> None:
        """End every rank at once."""
        self._comm.Abort(code)

    def finalize(self) -> None:
        """Leave MPI, after what was sent has gone; every rank that lives must."""
        end = time.monotonic() + LAST_WORDS_SECONDS
        while self._sending and time.monotonic() < end:
            self._sending = [pair for pair in self._sending if not self._done(pair[0])]
            time.sleep(SHORTEST_PAUSE)
        try:
            self._mpi.Finalize()
        except self._mpi.Exception as error:  # all files are closed; the exit code still counts
            log.warning("MPI did not end cleanly: %s", error)

    def _look(self) -> tuple[int, Message] | None:
        mpi, status = self._mpi, self._status
        try:
            # Plain probes: this process has one thread, so nobody else can take the message in
            # between.
            if self._probe() or self._probe():
                source, tag = status.Get_source(), status.Get_tag()
                buffer = bytearray(status.Get_count(mpi.BYTE))
                request = self._comm.Irecv([buffer, mpi.BYTE], source, tag)
                self._receiving.append((request, buffer, source, tag))
        except mpi.Exception as error:
            self._note_failure(error)
        if not self._receiving:
            return None
        waiting: set[int] = set()  # a later message of the same sender must not overtake
        for entry in self._receiving:
            request, buffer, source, tag = entry
            if source not in waiting and self._done(request):
                self._receiving.remove(entry)
                if tag not in Kind._value2member_map_:
                    log.error("rank %d sent a message of the unknown kind %d", source, tag)
                    return None
                return source, Message(Kind(tag), bytes(buffer))
            waiting.add(source)
        return None

    def _probe(self) -> bool:
        # MPICH answers from what it knew, and only then moves what has come: the news is told at
        # the second call. One call a look let each message wait for another pause.
        return bool(self._comm.Iprobe(self._source, self._mpi.ANY_TAG, self._status))

    def _done(self, request: Any) -> bool:
        try:
            return bool(request.Test())
        except self._mpi.Exception as error:
            self._note_failure(error)
            return True

    def _note_failure(self, error: Any) -> None:
        """Learn from MPI which ranks are dead (ULFM); any other error of MPI ends the run."""
        try:
            self._comm.Ack_failed()
            group = self._comm.Get_failed()
            dead = group.Translate_ranks(list(range(group.Get_size())), self._comm.Get_group())
        except (self._mpi.Exception, NotImplementedError):
            dead = []
        if not dead:
            raise FarmError(f"MPI failed: {error}") from error
        for rank in sorted(set(dead) - self._failed):
            log.error("MPI reports that rank %d is dead", rank)
            self._failed.add(rank)
            self._reported.append(rank)

    def _find_leader(self) -> int:
        """Return the lowest rank of this node; collective, and the only one: no task runs yet."""
        node = self._comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        lowest = array.array("i", [self.rank])
        node.Allreduce(self._mpi.IN_PLACE, [lowest, self._mpi.INT], op=self._mpi.MIN)
        node.Free()
        return lowest[0]


def _load(launch: launcher.Launch) -> ModuleType:
    """Import mpi4py, check that library and launcher belong together, and initialise MPI."""
    try:
        import mpi4py

        mpi4py.rc.initialize = False
        # World.finalize is called where every rank gets there; at an unforeseen exit it would wait
        # for ever.
        mpi4py.rc.finalize = False
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise launcher.no_library(launch, error) from error
    launcher.check_library(launch, MPI.get_vendor()[0], _library(MPI))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a foreign launcher; check_size says it in one line
        MPI.Init_thread(MPI.THREAD_FUNNELED)
    return MPI


def _library(mpi: ModuleType) -> str:
    name, version = mpi.get_vendor()
    return f"{name} {'.'.join(map(str, version))}"
