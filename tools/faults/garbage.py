"""What a stranger may write to a child's pipe, where only the child's frames belong."""

from __future__ import annotations

import os
import random
from contextlib import suppress

from mpineat.child.messages import HEADER, MARK, READY, Kind, Ready, frame
from mpineat.tasks import Outcome, outcome_to_bytes


def garbage(rng: random.Random) -> bytes:
    """Return one of the kinds of garbage."""
    stranger = Outcome(candidate=rng.randrange(60), network_hash="f0", status="ok", accuracy=0.999)
    return rng.choice(
        (
            rng.randbytes(rng.randrange(1, 5000)),
            b"WARNING: a library's own words\n",
            HEADER.pack(MARK, Kind.OUTCOME, 255) + b"half a frame",
            frame(Kind.OUTCOME, rng.randbytes(50)),
            frame(Kind.OUTCOME, b"outcome 2 {" + b"[" * 4000),
            frame(Kind.OUTCOME, outcome_to_bytes(stranger)),
            frame(Kind.READY, READY.pack(Ready(device="a stranger"))),
            frame(rng.choice((Kind.BEAT, Kind.END, Kind.TASK))),
        )
    )


def write_to_its_rank(child: int, command: str, data: bytes) -> bool:
    """Write `data` where the process `child` writes its frames; return whether it was possible."""
    descriptor = command.split("\0")[-2]  # the last word of its command line names it
    with suppress(OSError):
        pipe = os.open(f"/proc/{child}/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
        try:
            return os.write(pipe, data) == len(data)
        finally:
            os.close(pipe)
    return False
