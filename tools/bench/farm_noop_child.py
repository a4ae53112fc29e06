"""A child that evaluates nothing: what is left is the farm's own cost."""

from __future__ import annotations

from collections.abc import Callable

from mpineat.child.main import prepare, serve
from mpineat.child.messages import Setup
from mpineat.tasks import Outcome, Task


def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
    return "no-op", lambda task: Outcome(
        candidate=task.candidate.id, network_hash=task.network_hash, status="ok", accuracy=0.5
    )


def main(argv: list[str]) -> int:
    receive, send = (int(item) for item in argv)
    serve(receive, send, prepare, start)
    return 0
