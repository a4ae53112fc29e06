"""What a run directory holds: the newest whole generation to resume from, all for onlookers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpineat.config import Config, yaml_file
from mpineat.errors import InputError, StorageError
from mpineat.genotype.genome import Candidate
from mpineat.store import directory, journal, lock, provenance
from mpineat.store.generation import Generation, read
from mpineat.store.hdf5 import Damaged
from mpineat.tasks import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run directory as it is now; read without touching anything, also beside a running job.

    Attributes:
        config: None where config.yaml is missing or cannot be read.
        launches: The entries of provenance.json, oldest first.
        generations: The whole generation files, ascending.
        outcomes: Of the generation that is running, from the journal, in the order of arrival.
        candidates: Asked in the running generation by the steady schedule, from the journal.
        final: The final of these generations; None before it ended and where there is none.
        final_outcomes: Of the final, also of one that goes on, whose are in the journal.
        owner: The process that writes to the directory; None when nobody does.
        problems: One sentence for each thing that is missing or damaged.
    """

    path: Path
    config: Config | None
    launches: tuple[Mapping[str, Any], ...]
    generations: tuple[Generation, ...]
    outcomes: tuple[Outcome, ...]
    candidates: tuple[Candidate, ...]
    final: Generation | None
    final_outcomes: tuple[Outcome, ...]
    owner: lock.Owner | None
    problems: tuple[str, ...]

    @property
    def workers(self) -> int:
        """Processes that evaluated; 0 where their number changed between the launches."""
        ranks = {int(launch.get("ranks", 0)) for launch in self.launches}
        # A run on one rank evaluates in place.
        return max(1, ranks.pop() - 1) if len(ranks) == 1 and 0 not in ranks else 0


def newest(run_dir: Path) -> tuple[Generation | None, tuple[Path, ...]]:
    """Return the newest whole generation, if any, and the damaged files that are newer.

    Raises:
        InputError: The newest file is of another version: starting over would be no resume.
        StorageError: It cannot be read now, which says nothing about what it holds.
    """
    damaged: list[Path] = []
    for path in reversed(directory.generation_paths(run_dir)):
        try:
            return read(path), tuple(damaged)
        except Damaged:
            damaged.append(path)
    return None, tuple(damaged)


def read_run(run_dir: Path) -> Run:
    """Read all that can be read; what cannot becomes a sentence among the problems.

    Raises:
        InputError: There is no such directory, or no run was ever started in it.
    """
    if not directory.is_used(run_dir):
        what = "holds no run of mpineat" if run_dir.is_dir() else "no such directory"
        raise InputError(f"{run_dir}: {what}; expected a directory that `mpineat run` wrote")
    problems: list[str] = []
    config = None
    try:
        config = yaml_file.load(run_dir / directory.CONFIG)
    except InputError as error:
        problems.append(str(error))
    launches, complaint = provenance.read(run_dir)
    problems += [complaint] if complaint else []
    # The journal first: a generation that ends meanwhile moves from it into a file, never the other
    # way.
    entries = journal.read(run_dir)
    problems += entries.damaged
    generations = _generations(run_dir, problems)
    running = generations[-1].number + 1 if generations else 0
    current = entries.of(running)
    planned = 0 if config is None else config.evolution.generations
    final: Generation | None = None
    in_final: tuple[Outcome, ...] = ()
    if running >= max(1, planned):  # else a final in the directory is that of a shorter search
        final = _final(run_dir, generations[-1], problems)
        in_final = entries.of(running, final=True).outcomes
    return Run(
        path=run_dir,
        config=config,
        launches=launches,
        generations=generations,
        outcomes=current.outcomes,
        candidates=current.candidates,
        final=final,
        final_outcomes=final.outcomes if final else in_final,
        owner=lock.owner(run_dir),
        problems=tuple(problems),
    )


def _generations(run_dir: Path, problems: list[str]) -> tuple[Generation, ...]:
    found: list[Generation] = []
    for path in directory.generation_paths(run_dir):
        try:
            generation = read(path)
        except (InputError, StorageError) as error:
            problems.append(str(error))
            continue
        before = found[-1] if found else None
        if generation.number and (before is None or before.number != generation.number - 1):
            problems.append(f"{path}: the generation before it is missing")
        elif before is not None and generation.parent_sha256 != before.content_sha256:
            problems.append(
                f"{path}: does not descend from the generation before it: files of two runs mixed"
            )
        found.append(generation)
    return tuple(found)


def _final(run_dir: Path, newest: Generation, problems: list[str]) -> Generation | None:
    """Return the final of the search that ended with `newest`; None before it has ended."""
    path = run_dir / directory.FINAL
    try:
        final = read(path) if path.exists() else None
    except (InputError, StorageError) as error:
        problems.append(str(error))
        return None
    return final if final is not None and final.parent_sha256 == newest.content_sha256 else None
