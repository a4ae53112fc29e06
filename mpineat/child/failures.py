"""What can go wrong with a child and its task, and the Outcome that says so."""

from __future__ import annotations

from typing import Any

from mpineat.tasks import Outcome, Task

# Never a candidate's fault: its node is out of memory, files or disk. The child lets these end it,
# for a fresh process may have more.
OF_THE_HOST = (MemoryError, OSError, ImportError)


class RefusedStart(Exception):
    """The device or the software of this node cannot evaluate anything; one line says why."""


def failed(
    task: Task, reason: str, fault: str, detail: BaseException | str, **known: Any
) -> Outcome:
    """Return the outcome of `task` that came to nothing.

    Args:
        reason, fault: As of Failure.
        known: Further fields of the Outcome: where it happened, and what was found out before;
            what was measured is left out, for a failure is not judged.
    """
    known |= {"accuracy": None, "metric": None, "loss": None, "confusion": ()}
    return Outcome(
        candidate=task.candidate.id,
        network_hash=task.network_hash,
        status="failed",
        fault=fault,
        reason=reason,
        detail=one_line(detail),
        attempts=task.attempt,
        **known,
    )


def one_line(said: BaseException | str) -> str:
    """Return an exception with its type, or a text, as one line of at most 500 characters."""
    text = said if isinstance(said, str) else f"{type(said).__name__}: {said}"
    # A file name that is no UTF-8 has characters that JSON cannot hold; others move a cursor.
    printable = "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
    return printable[:500].encode(errors="replace").decode()
