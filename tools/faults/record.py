"""What a run has on its disk: acknowledged outcomes, and the history that its seed must give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from faults.job import OPTIONS

from mpineat import store
from mpineat.store import directory, journal
from mpineat.tasks import Outcome, Seconds


def journals(run_dir: Path) -> list[Path]:
    """Return the journal, as a list like directory.generation_paths."""
    path = run_dir / directory.JOURNAL
    return [path] if path.exists() else []


class Known(NamedTuple):
    """An evaluation on the disk; a repeated one began later."""

    started: float
    screened: bool

    def follows(self, before: Known) -> bool:
        """Return whether nothing was lost: a full training takes the place of its screen."""
        return self == before or (before.screened and not self.screened)


def acknowledged(run_dir: Path) -> dict[tuple[int, int], Known]:
    """Return the evaluations on the disk, by generation and candidate."""
    found: dict[tuple[int, int], Known] = {}
    if not run_dir.exists():
        return found
    ended = store.read_run(run_dir).generations
    for generation in ended:
        for outcome in generation.outcomes:
            found[generation.number, outcome.candidate] = _known(outcome)
    lines = journal.read(run_dir)
    own = ended[0].run_id if ended else next(iter(lines.run_ids), None)
    for number in {line.generation for line in lines.lines}:
        for outcome in lines.of(number, own).outcomes:
            found.setdefault((number, outcome.candidate), _known(outcome))
    return found


def _known(outcome: Outcome) -> Known:
    return Known(outcome.started, outcome.status == "discarded")


def finished(run_dir: Path) -> bool:
    """Return whether all generations are there, and the final."""
    wanted = next(int(o.partition("=")[2]) for o in OPTIONS if "generations" in o)
    paths = directory.generation_paths(run_dir)
    return len(paths) == wanted and (run_dir / directory.FINAL).exists()


def history(run_dir: Path) -> list[Any]:
    """Return all that one seed must give again: all but times, places and tries."""
    run = store.read_run(run_dir)
    return [
        (
            generation.state,
            generation.candidates,
            [
                replace(
                    outcome,
                    seconds=Seconds(),
                    started=0.0,
                    rank=0,
                    host="",
                    device="",
                    attempts=1,
                )
                for outcome in generation.outcomes
            ],
        )
        for generation in (*run.generations, *([run.final] if run.final else []))
    ]
