"""What crosses between a rank and its child process: frames over two inherited pipes."""

from __future__ import annotations

import gc
import json
import os
import signal
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import IntEnum

from mpineat.config import Config
from mpineat.errors import Infeasible, InputError
from mpineat.tasks import (
    Outcome,
    Task,
    WireError,
    outcome_to_bytes,
    task_from_bytes,
)

HEADER = struct.Struct("<2sBI")  # mark, kind, length of the payload
MARK = b"mp"
LONGEST = 1 << 28  # bytes; a longer frame is noise, not an outcome
# The batch system may signal every process of a job, and a terminal its whole group; the rank alone
# decides when its child ends. (NCCL and some batch scripts use USR1 and USR2.)
DEAF_TO = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)


class Kind(IntEnum):
    """What a message says; the same numbers are used between ranks."""

    SETUP = 1  # rank 0 -> worker -> child: Setup
    TASK = 2  # rank 0 -> worker -> child: Task
    READY = 3  # child -> worker -> rank 0: JSON {"device": ...}
    OUTCOME = 4  # child -> worker -> rank 0: Outcome; the child is ready for more
    REFUSED = 5  # child -> worker -> rank 0: text; the child cannot start, the worker retires
    FAULT = 6  # worker -> rank 0: Outcome of a child that died; READY follows when it is replaced
    HELLO = 7  # worker -> rank 0: JSON, what the rank has: host, GPUs, cores
    BEAT = 8  # worker -> rank 0: JSON {"state": ...}; rank 0 -> worker: alive
    SIGNAL = 9  # worker -> rank 0: JSON {"reason": ..., "again": ...}
    CLOSE = 10  # rank 0 -> worker: end the child, no more tasks
    FAREWELL = 11  # rank 0 -> worker, and back: nothing follows but the exit code
    END = 12  # rank 0 -> worker: one byte, the exit code
    ABANDON = 13  # rank 0 -> worker: the same, and MPI is to be left as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that a child process is told before its first task.

    Attributes:
        rank, host: Of the worker that owns the child.
        gpu: The value of CUDA_VISIBLE_DEVICES for the child (an index or a UUID); None: no GPU.
        gpu_memory_mb: Most of the GPU's memory that it may use, in MiB; None: all of it.
        cores: CPU cores that the child may run on; () leaves them as inherited.
        threads: CPU threads of an evaluation.
        log_path: File that the child's stdout and stderr are appended to; "" leaves them alone.
    """

    config: Config
    rank: int
    host: str
    gpu: str | None = None
    gpu_memory_mb: int | None = None
    cores: tuple[int, ...] = ()
    threads: int = 1
    log_path: str = ""

    def to_bytes(self) -> bytes:
        """Encode for a pipe or a message."""
        plain = {name: item for name, item in asdict(replace(self, config=None)).items()}  # type: ignore[arg-type]
        return json.dumps({**plain, "config": self.config.model_dump(mode="json")}).encode()

    @staticmethod
    def from_bytes(data: bytes) -> Setup:
        """Decode what to_bytes wrote.

        Raises:
            WireError: Damaged bytes, or of another version of mpineat.
        """
        try:
            value = json.loads(data)
            value["config"] = Config.model_validate(value["config"])
            value["cores"] = tuple(value["cores"])
            return Setup(**value)
        except (ValueError, KeyError, TypeError) as error:
            raise WireError(f"not a setup: {error}") from error


# Called once in the child after its environment is set; may import TensorFlow. Returns the device's
# name and the evaluation. RefusedStart and InputError make the worker retire; any other exception
# is a crash, after which the start is tried once more.
Start = Callable[[Setup], tuple[str, Callable[[Task], Outcome]]]


# Never a candidate's fault: its node is out of memory, files or disk. The child lets these end it,
# for a fresh process may have more.
OF_THE_HOST = (MemoryError, OSError, ImportError)


class RefusedStart(Exception):
    """The device or the software of this node cannot evaluate anything; one line says why."""


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    return HEADER.pack(MARK, kind, len(payload)) + payload


class Frames:
    """Cuts what arrives on a pipe into frames."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Add `data`; yield every frame that is complete now.

        Raises:
            WireError: The bytes are no frames: something else wrote to the pipe.
        """
        self._received += data
        while len(self._received) >= HEADER.size:
            mark, kind, length = HEADER.unpack_from(self._received)
            if mark != MARK or length > LONGEST or kind not in Kind._value2member_map_:
                raise WireError(f"not a frame: {bytes(self._received[:16])!r}")
            if len(self._received) < HEADER.size + length:
                return
            payload = bytes(self._received[HEADER.size : HEADER.size + length])
            del self._received[: HEADER.size + length]
            yield Kind(kind), payload


def serve(receive: int, send: int, prepare: Callable[[Setup], None], start: Start) -> None:
    """Be a child: await the setup, start, then turn Tasks into Outcomes until the pipe closes.

    Args:
        receive: File descriptor that frames come from.
        send: File descriptor that frames go to.
        prepare: Sets the process up (environment, cores, log) before anything is imported.
        start: Loads what evaluates and returns it.
    """
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    frames, setup, device = Frames(), None, ""
    evaluate: Callable[[Task], Outcome] | None = None
    while data := os.read(receive, 1 << 16):
        for kind, payload in frames.feed(data):
            if kind == Kind.SETUP:
                setup = Setup.from_bytes(payload)
                try:
                    prepare(setup)
                    device, evaluate = start(setup)
                except (RefusedStart, InputError) as error:
                    _write(send, frame(Kind.REFUSED, str(error).encode()))
                    return
                # What is loaded now stays: TensorFlow's 365,000 objects would cost 0.27 s at every
                # collection, and two follow each evaluation.
                gc.collect()
                gc.freeze()
                _write(send, frame(Kind.READY, json.dumps({"device": device}).encode()))
            elif kind == Kind.TASK and setup is not None and evaluate is not None:
                task = task_from_bytes(payload)
                outcome = _evaluate(task, evaluate, setup, device)
                _write(send, frame(Kind.OUTCOME, outcome_to_bytes(outcome)))


def one_line(error: BaseException) -> str:
    """Return an exception as one line of at most 500 characters, for an Outcome's detail."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _evaluate(
    task: Task, evaluate: Callable[[Task], Outcome], setup: Setup, device: str
) -> Outcome:
    began, clock = time.time(), time.monotonic()
    try:
        outcome = evaluate(task)
    except OF_THE_HOST:
        raise
    except Exception as error:  # a candidate's failure is data
        traceback.print_exc()
        infeasible = isinstance(error, Infeasible)
        outcome = Outcome(
            candidate=task.candidate.id,
            network_hash=task.network_hash,
            status="failed",
            fault="candidate",
            reason="infeasible" if infeasible else "error",
            detail=one_line(error),
        )
    seconds = outcome.seconds
    if not seconds.total:
        seconds = replace(seconds, total=time.monotonic() - clock)
    return replace(
        outcome,
        seconds=seconds,
        started=outcome.started or began,
        rank=setup.rank,
        host=setup.host,
        device=device,
        attempts=task.attempt,
    )


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
