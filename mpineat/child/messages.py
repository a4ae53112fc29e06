"""What crosses between rank 0, a worker and its child process; frames for the pipes of the last."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from pydantic import StringConstraints

from mpineat.child.failures import one_line
from mpineat.cluster.devices import Node
from mpineat.config import Config
from mpineat.wire import (
    LARGEST,
    Codec,
    Count,
    FileName,
    Line,
    NonNegative,
    Positive,
    Series,
    WireError,
)

HEADER = struct.Struct("<2sBI")  # mark, kind, length of the payload
MARK = b"mp"


class Kind(IntEnum):
    """What a message says; the same numbers are used between ranks."""

    SETUP = 1  # rank 0 -> worker -> child: Setup
    TASK = 2  # rank 0 -> worker -> child: Task
    READY = 3  # child -> worker -> rank 0: Ready
    OUTCOME = 4  # child -> worker -> rank 0: Outcome; the child is ready for more
    REFUSED = 5  # child -> worker -> rank 0: Refusal; the child cannot start, the worker retires
    FAULT = 6  # worker -> rank 0: Outcome of a child that died; READY follows when it is replaced
    HELLO = 7  # worker -> rank 0: Node, what the rank has
    BEAT = 8  # worker -> rank 0: Beat; rank 0 -> worker: nothing, alive
    SIGNAL = 9  # worker -> rank 0: Notice
    CLOSE = 10  # rank 0 -> worker: end the child, no more tasks
    FAREWELL = 11  # rank 0 -> worker, and back: nothing follows but the exit code
    END = 12  # rank 0 -> worker: one byte, the exit code
    ABANDON = 13  # rank 0 -> worker: the same, and MPI is to be left as it is


@dataclass(frozen=True, slots=True)
class Message:
    """A kind and bytes, on their way between rank 0 and a worker."""

    kind: Kind
    payload: bytes = b""


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
        weights_folder: Where weights are left and taken from, as Start and Outcome name them.
        dataset: Digest of the images to train and validate on, as rank 0 read them; "": none.
    """

    config: Config
    rank: Count
    host: str
    gpu: str | None = None
    gpu_memory_mb: Positive | None = None
    cores: Series[Count] = ()
    threads: Positive = 1
    log_path: FileName = ""
    weights_folder: FileName = ""
    dataset: str = ""

    def to_bytes(self) -> bytes:
        """Encode for a pipe or a message."""
        return SETUP.pack(self, defaults=True)  # the defaults of rank 0 count

    @staticmethod
    def from_bytes(data: bytes) -> Setup:
        """Decode what to_bytes wrote.

        Raises:
            WireError: Damaged bytes, or of another version of mpineat.
        """
        return SETUP.unpack(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A child can evaluate; the device's own name."""

    device: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A child cannot start, for this reason; `input`: the user's input is wrong, not the node."""

    why: Line
    input: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A sign of life: what the worker's child does, and its resident memory in MiB."""

    state: Annotated[str, StringConstraints(pattern="^(starting|idle|busy|retired)$")]
    rss_mb: NonNegative = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A signal came, by its name; `again`: the second one."""

    reason: Line
    again: bool


SETUP = Codec("setup", Setup)
READY = Codec("ready", Ready)
REFUSAL = Codec("refusal", Refusal)
HELLO = Codec("hello", Node)
BEAT = Codec("beat", Beat)
NOTICE = Codec("notice", Notice)


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    return HEADER.pack(MARK, kind, len(payload)) + payload


class Frames:
    """Cuts what arrives on a pipe into frames."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._received = bytearray()

    @property
    def begun(self) -> bool:
        """Whether the rest of a frame is still to come."""
        return bool(self._received)

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Add `data`; yield every frame that is complete now.

        Raises:
            WireError: The bytes are no frames: something else wrote to the pipe.
        """
        self._received += data
        while len(self._received) >= HEADER.size:
            mark, kind, length = HEADER.unpack_from(self._received)
            if mark != MARK or length > LARGEST or kind not in Kind._value2member_map_:
                raise WireError(f"not a frame: {bytes(self._received[:16])!r}")
            if len(self._received) < HEADER.size + length:
                return
            payload = bytes(self._received[HEADER.size : HEADER.size + length])
            del self._received[: HEADER.size + length]
            yield Kind(kind), payload


def notice(reason: str, again: bool) -> Message:
    """Return the news that a signal came; `again`: the second one."""
    return Message(Kind.SIGNAL, NOTICE.pack(Notice(reason=reason, again=again)))


def refused(why: str, *, of_input: bool = False) -> Message:
    """Return the news that a child cannot start."""
    return Message(Kind.REFUSED, REFUSAL.pack(Refusal(why=one_line(why), input=of_input)))
