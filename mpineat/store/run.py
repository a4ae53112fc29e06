"""What a run directory holds: the newest whole generation to resume from, all for onlookers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from mpineat.config import Config, earlier
from mpineat.errors import InputError, StorageError
from mpineat.genotype.genome import Candidate
from mpineat.store import directory, journal, lock, provenance
from mpineat.store.generation import Generation, read
from mpineat.store.hdf5 import Damaged
from mpineat.store.owner import Owner
from mpineat.store.summary import Summary
from mpineat.tasks import Outcome

PastT = TypeVar("PastT", Generation, Summary)  # what onlookers read of a generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Generic[PastT]):
    """A run directory as it is now; read without touching anything, also beside a running job.

    Attributes:
        config: From config.yaml, else from the newest generation; None where neither can be read.
        launches: From provenance.json, oldest first.
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
    launches: tuple[provenance.Launch, ...]
    generations: tuple[PastT, ...]
    outcomes: tuple[Outcome, ...]
    candidates: tuple[Candidate, ...]
    final: Generation | None
    final_outcomes: tuple[Outcome, ...]
    owner: Owner | None
    problems: tuple[str, ...]

    @property
    def workers(self) -> int:
        """Processes that evaluated; 0 where their number changed between the launches."""
        ranks = {launch.ranks for launch in self.launches}
        # A run on one rank evaluates in place.
        return max(1, ranks.pop() - 1) if len(ranks) == 1 and 0 not in ranks else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The generation files of one run, for a launch that goes on with it.

    Attributes:
        generations: The whole ones, ascending.
        older: Sentences on damaged files that a whole one follows.
        newest: Damaged files that none follows.
    """

    generations: tuple[Generation, ...]
    older: tuple[str, ...]
    newest: tuple[Path, ...]


def history(run_dir: Path) -> History:
    """Read the generation files of a run and check that they are one history.

    Raises:
        InputError: A file is missing, foreign, swapped or renamed, of another version, or not as
            mpineat writes it: to go on would be no resume.
        StorageError: One cannot be read now, which says nothing about what it holds.
    """
    found: list[Generation] = []
    wrong: list[str] = []
    damaged: dict[Path, str] = {}
    paths = directory.generation_paths(run_dir)
    for path in paths:
        try:
            found.append(read(path))
        except Damaged as damage:
            damaged[path] = str(damage)
        except InputError as error:
            wrong.append(str(error))
    names = {path.name for path in paths}
    last = directory.number_of(paths[-1]) if paths else -1
    for number in range(last):
        path = directory.generation_path(run_dir, number)
        if path.name not in names:
            wrong.append(f"{path}: missing, and later ones are there; bring back a copy")
    wrong += _contradictions(run_dir, found, journal.read(run_dir).run_ids)
    if found and not wrong:
        with suppress(Damaged):  # its trainings are repeated, or in the journal
            read_final(run_dir, found[-1])
    if wrong:
        raise InputError(*wrong)
    whole = found[-1].number if found else -1
    newest = tuple(path for path in damaged if directory.number_of(path) > whole)
    older = tuple(said for path, said in damaged.items() if path not in newest)
    return History(generations=tuple(found), older=older, newest=newest)


def _contradictions(
    run_dir: Path, found: Sequence[Generation | Summary], journaled: Sequence[str]
) -> list[str]:
    """Return a sentence for each file that is not of one history with the others.

    Args:
        journaled: Ids of the runs that the journal's lines name.
    """
    if not found:
        return []
    said = []
    # The run is that of most files: a foreign one is named, not those around it. Of two generations
    # that name two runs the journal tells which is the run's own.
    seeds = {one.run_id: one.seed for one in reversed(found)}
    votes = Counter([*(id for id in journaled if id in seeds), *(one.run_id for one in found)])
    [(run_id, _), *_] = votes.most_common(1)
    seed = seeds[run_id]
    if journaled and run_id not in journaled:
        path = directory.generation_path(run_dir, found[0].number)
        said.append(
            f"{run_dir / directory.JOURNAL}: of another run ({', '.join(journaled)}) than {path} "
            f"({run_id}); bring back the run's own file"
        )
    own: list[Generation | Summary] = []
    for one in found:
        path = directory.generation_path(run_dir, one.number)
        before = own[-1] if own else None
        if (one.run_id, one.seed) != (run_id, seed):
            said.append(
                f"{path}: of another run ({one.run_id}, seed {one.seed}; the others are of "
                f"{run_id}, seed {seed}); bring back the run's own file"
            )
            continue
        follows = before is not None and before.number == one.number - 1
        if before is not None and follows and one.parent_sha256 != before.content_sha256:
            said.append(
                f"{path}: does not descend from the generation before it: files of two runs mixed"
            )
        own.append(one)
    return said


def read_run(run_dir: Path) -> Run[Generation]:
    """Read all that can be read; what cannot becomes a sentence among the problems.

    Raises:
        InputError: There is no such directory, or no run was ever started in it.
    """
    return look(run_dir, read)


def look(run_dir: Path, read: Callable[[Path], PastT]) -> Run[PastT]:
    """Read a run as read_run does, but its generations' files by `read`.

    Raises:
        InputError: There is no such directory, or no run was ever started in it.
    """
    if not directory.is_used(run_dir):
        what = "holds no run of mpineat" if run_dir.is_dir() else "no such directory"
        raise InputError(f"{run_dir}: {what}; expected a directory that `mpineat run` wrote")
    problems: list[str] = []
    config = None
    try:
        recorded = earlier.load(run_dir / directory.CONFIG)
        config = recorded.config
        problems += recorded.problems
    except InputError as error:
        problems.append(str(error))
    launches, complaint = provenance.read(run_dir)
    problems += [complaint] if complaint else []
    # The journal first: a generation that ends meanwhile moves from it into a file, never the other
    # way.
    entries = journal.read(run_dir)
    generations = _generations(run_dir, read, entries.run_ids, problems)
    if config is None and generations:
        where = str(directory.generation_path(run_dir, generations[-1].number))
        with suppress(InputError):  # of config.yaml it has been said
            config = earlier.loads(generations[-1].config, where).config
    running = generations[-1].number + 1 if generations else 0
    current = entries.of(running, generations[-1].run_id if generations else None)
    problems += current.damaged
    planned = 0 if config is None else config.evolution.generations
    final: Generation | None = None
    in_final: tuple[Outcome, ...] = ()
    if running >= max(1, planned):  # else a final in the directory is that of a shorter search
        final = _final(run_dir, generations[-1], problems)
        in_final = entries.of(running, generations[-1].run_id, final=True).outcomes
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


def _generations(
    run_dir: Path, read: Callable[[Path], PastT], journaled: Sequence[str], problems: list[str]
) -> tuple[PastT, ...]:
    found: list[PastT] = []
    for path in directory.generation_paths(run_dir):
        try:
            found.append(read(path))
        except (InputError, StorageError) as error:
            problems.append(str(error))
            continue
        if found[-1].number and (len(found) == 1 or found[-2].number != found[-1].number - 1):
            problems.append(f"{path}: the generation before it is missing")
    problems += _contradictions(run_dir, found, journaled)
    return tuple(found)


def read_final(run_dir: Path, newest: Generation | Summary) -> Generation | None:
    """Read the final that is in the directory, be it of this search or of one that was shorter.

    Args:
        newest: The generation before it, which says whose run this is.

    Raises:
        Damaged, InputError, StorageError: As `read` does; InputError also for another run's.
    """
    path = run_dir / directory.FINAL
    final = read(path) if path.exists() else None
    if final is not None and (final.run_id, final.seed) != (newest.run_id, newest.seed):
        raise InputError(
            f"{path}: of another run ({final.run_id}, seed {final.seed}; the generations are of "
            f"{newest.run_id}, seed {newest.seed}); bring back the run's own file, or remove it"
        )
    return final


def _final(run_dir: Path, newest: Generation | Summary, problems: list[str]) -> Generation | None:
    """Return the final behind the generation `newest`; None before it has ended."""
    try:
        final = read_final(run_dir, newest)
    except (InputError, StorageError) as error:
        problems.append(str(error))
        return None
    return final if final is not None and final.parent_sha256 == newest.content_sha256 else None
