"""This process's part in the job: rank 0 opens the farm, the others serve, all leave together."""

from __future__ import annotations

import array
import fcntl
import logging
import os
import socket
import stat
import sys
import termios
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from mpineat.child.messages import HELLO, NOTICE, Kind, Message, Setup
from mpineat.child.process import Child
from mpineat.child.supervisor import Supervisor
from mpineat.cluster import devices
from mpineat.cluster.awake import Awake
from mpineat.cluster.stop import Stop
from mpineat.config import Config
from mpineat.errors import STOPPED, FarmError
from mpineat.farm import worker_rank
from mpineat.farm.dispatch import Farm
from mpineat.farm.link import Link, Mailbox
from mpineat.store import now
from mpineat.wire import WireError

log = logging.getLogger(__name__)

# An abort ends the launcher's proxies too, which pass stderr on: how long to wait at most until
# this node's has read it, and how long for it to reach mpirun's own.
READ_SECONDS = 10.0
FORWARD_SECONDS = 0.3
HELLO_SECONDS = 120.0  # how long rank 0 waits for what the workers have
LEAVE_SECONDS = 30.0  # how long it waits for their last words, and for MPI to finalize
HASTY_LEAVE_SECONDS = 5.0  # the same after a stop, whose grace is over


class Membership:
    """One rank of the job; a context manager.

    An exception that leaves the `with` block prints its traceback and ends every rank at once by
    MPI_Abort: otherwise the others would wait for ever. Errors that the user can mend are caught
    inside the block, which then ends with `end(code)`.

    Attributes:
        rank, size, host: Of this process; size 1 and rank 0 without MPI.
        library: The MPI library's name and version; "none" without.
    """

    def __init__(self, world: Mailbox | None, child: Child | None) -> None:
        """Use farm.join."""
        self._world = world
        self.rank = 0 if world is None else world.rank
        self.size = 1 if world is None else world.size
        self.library = "none" if world is None else world.library
        self.host = socket.gethostname().partition(".")[0]
        self._supervisor = Supervisor(child)
        self._farm: Farm | None = None
        self._stop, self._grace = Stop(), 0.0  # until the farm is opened
        self._ended = False
        if world is not None and self.rank > 0:
            node = devices.look_around(self.rank, self.host, world.leader)
            world.send(0, Message(Kind.HELLO, HELLO.pack(node)))

    def __enter__(self) -> Membership:
        """Return self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every rank: see the class."""
        if self._ended:
            return
        if self._world is None:
            self._supervisor.close()
        elif error is None:
            self.end(0)
        else:
            traceback.print_exception(kind, error, trace)
            print(f"mpineat: rank {self.rank} failed and ends the job", file=sys.stderr, flush=True)
            await_reader(2)
            time.sleep(FORWARD_SECONDS)
            self.abort(1)

    def open(
        self, config: Config, logs: Path, stop: Stop, *, weights: Path = Path(), dataset: str = ""
    ) -> Farm:
        """On rank 0: tell the workers to start; return the farm while their children still load.

        Args:
            logs: Existing directory, for rank_0001.log and so on: what a worker logs and its child
                prints.
            stop: Is told of the signals that other ranks catch; its second signal ends the job at
                once.
            weights: Directory, which need not exist, for weights that networks pass on.
            dataset: Digest of the images that every worker must find; "": not compared.
        """
        stop.on_second = lambda: self.abort(STOPPED)
        self._stop, self._grace = stop, config.run.grace_seconds
        nodes = {node.rank: node for node in self._gather(stop)}
        places, warnings = devices.share_out(list(nodes.values()), config.farm.share_gpu)
        for warning in warnings:
            log.warning("%s", warning)
        link: Link = self._world or worker_rank.Local(self._supervisor)
        workers = [
            now.Worker(rank=rank, host=node.host, device=places[rank].name(), state="starting")
            for rank, node in sorted(nodes.items())
        ]
        self._farm = Farm(config, link, workers, on_signal=stop.request)
        for worker in workers:
            place = places[worker.rank]
            if place.idle:
                self._farm.retire(worker.rank, place.idle)
                continue
            setup = Setup(
                config=config,
                rank=worker.rank,
                host=worker.host,
                gpu=place.gpu,
                gpu_memory_mb=place.gpu_memory_mb,
                cores=place.cores,
                threads=_threads(config, place),
                log_path=str(logs.absolute() / _log_name(worker.rank)),
                weights_folder=str(weights.absolute()),
                dataset=dataset,
            )
            link.send(worker.rank, Message(Kind.SETUP, setup.to_bytes()))
        return self._farm

    def serve(self, stop: Stop | None = None) -> int:
        """On every other rank: work until rank 0 says END; return the exit code that it gave.

        Args:
            stop: Installed before this rank joined: a signal that came since is passed on.
        """
        assert self._world is not None
        code = worker_rank.serve(self._world, self._supervisor, stop)
        if code is None:
            log.error("rank 0 is gone: rank %d ends the job", self.rank)
            self.abort(1)
        return self._leave(code)

    def end(self, code: int) -> int:
        """On rank 0, when all files are closed: end every rank with `code`, and return it.

        A rank that fell silent would keep MPI from finalizing for ever; with one the job is
        aborted, with the same code. That must come before any rank finalizes: Open MPI hangs in the
        abort otherwise. So FAREWELL asks who is there, and END lets them go.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        if self._world is None:
            return self._leave(code)
        others = set(range(1, self.size))
        silent = set() if self._farm is None else set(self._farm.lost())
        for rank in others - silent:
            self._world.send(rank, Message(Kind.FAREWELL))
        if silent <= self._world.reported_dead():
            silent = others - self._await_farewell(others)
        silent -= self._world.reported_dead()
        if silent:
            log.warning("ranks %s are gone: aborting, with exit code %d", sorted(silent), code)
            for rank in others - silent:
                self._world.send(rank, Message(Kind.ABANDON, bytes([code])))
            self._world.receive(0.2)  # lets MPI carry that out
            self.abort(code)
        for rank in others:
            self._world.send(rank, Message(Kind.END, bytes([code])))
        return self._leave(code)

    def abort(self, code: int) -> NoReturn:
        """End every rank at once."""
        self._supervisor.close()
        sys.stdout.flush()
        sys.stderr.flush()
        if self._world is not None:
            self._world.abort(code)
        os._exit(code)

    def _gather(self, stop: Stop) -> list[devices.Node]:
        """Return what the workers have; on one rank, what this one has."""
        if self._world is None:
            return [devices.look_around(0, self.host, 0)]
        nodes: dict[int, devices.Node] = {}
        seconds = Awake()
        while len(nodes) < self.size - 1 and seconds() < HELLO_SECONDS:
            if (arrived := self._world.receive(0.1)) is None:
                continue
            rank, message = arrived
            try:
                if message.kind == Kind.HELLO:
                    nodes[rank] = replace(HELLO.unpack(message.payload), rank=rank)
                elif message.kind == Kind.SIGNAL:
                    notice = NOTICE.unpack(message.payload)
                    stop.request(f"{notice.reason} on rank {rank}", notice.again)
            except WireError as error:
                log.error("rank %d sent %s", rank, error)
        if missing := sorted(set(range(1, self.size)) - set(nodes)):
            log.error("ranks %s never reported", missing)
        if not nodes:
            raise FarmError("no worker rank reported")
        return list(nodes.values())

    def _await_farewell(self, ranks: set[int]) -> set[int]:
        """Return those of `ranks` that said FAREWELL."""
        assert self._world is not None
        ready: set[int] = set()
        seconds = Awake()
        while ranks - ready - self._world.reported_dead() and seconds() < self._leave_seconds():
            arrived = self._world.receive(0.1)
            if arrived and arrived[1].kind == Kind.FAREWELL:
                ready.add(arrived[0])
        return ready

    def _leave_seconds(self) -> float:
        """Return how long to wait for others: after a stop, until its grace is over."""
        if self._stop.reason() is None:
            return LEAVE_SECONDS
        left = self._grace - self._stop.seconds_since()
        return min(LEAVE_SECONDS, max(HASTY_LEAVE_SECONDS, left))

    def _leave(self, code: int) -> int:
        self._supervisor.close()
        self._ended = True
        if self._world is not None:
            # Finalizing with dead ranks may hang (Open MPI issue 11404); all files are closed.
            watchdog = threading.Timer(self._leave_seconds(), os._exit, [code])
            watchdog.daemon = True
            watchdog.start()
            self._world.finalize()
            watchdog.cancel()
        return code


def await_reader(descriptor: int) -> None:
    """Wait until what was written to a pipe has been read, at most READ_SECONDS."""
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return
    end, unread = time.monotonic() + READ_SECONDS, array.array("i", [0])
    while time.monotonic() < end:
        fcntl.ioctl(descriptor, termios.FIONREAD, unread)
        if not unread[0]:
            return
        time.sleep(0.01)


def _threads(config: Config, place: devices.Place) -> int:
    """Return the CPU threads of an evaluation; 1 where results must not depend on their number."""
    if config.training.threads is not None:
        return config.training.threads
    return 1 if config.training.deterministic else max(1, len(place.cores))


def _log_name(rank: int) -> str:
    # rank_0000.log is rank 0's own log; its child, where there is one rank, has another.
    return f"rank_{rank:04d}.log" if rank else "child_0000.log"
