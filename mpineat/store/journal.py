"""The journal: what the running generation has learned so far, on the disk before it counts.

One line an entry, JSON with the CRC-32 of the rest of the line in front. A line that a crash tore
is cut off; a line that the disk damaged is named and left out. When the generation's file is safe,
its lines are kept once more in journal_before.jsonl, so that the loss of that file loses no
evaluation.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mpineat import files
from mpineat.errors import StorageError
from mpineat.genotype.genome import Candidate
from mpineat.store import directory, journal_line
from mpineat.store.journal_line import Line
from mpineat.tasks import Outcome
from mpineat.units import plural
from mpineat.wire import WireError


@dataclass(frozen=True, slots=True)
class Entries:
    """What a generation's candidates were and came to, in the order in which it was written.

    Attributes:
        damaged: A sentence for each line that is left out.
    """

    entries: tuple[Outcome | Candidate, ...]
    damaged: tuple[str, ...] = ()

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes, in the order of their arrival."""
        return tuple(entry for entry in self.entries if isinstance(entry, Outcome))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates, in the order in which they were asked."""
        return tuple(entry for entry in self.entries if isinstance(entry, Candidate))


@dataclass(frozen=True, slots=True)
class Lines:
    """The whole lines, each once, in order, and a sentence for each damaged one."""

    lines: tuple[Line, ...]
    damaged: tuple[str, ...] = ()

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of all runs that the lines name, the first one first."""
        return tuple(dict.fromkeys(line.run_id for line in self.lines if line.run_id))

    def of(self, generation: int, run_id: str | None = None, *, final: bool = False) -> Entries:
        """Return the entries of one generation or of the final behind it, a candidate's first.

        Args:
            run_id: Of the run; a line that names another one is left out, whatever it holds.
        """
        found: dict[object, Outcome | Candidate] = {}
        damaged = list(self.damaged)
        foreign: dict[str, list[str]] = {}
        for line in self.lines:
            if run_id and line.run_id and line.run_id != run_id:
                foreign.setdefault(line.run_id, []).append(line.place)
            elif (line.generation, line.kind == "final") == (generation, final):
                try:
                    item = line.item()
                except WireError as error:
                    damaged.append(_left_out(line.place, error))
                else:
                    _enter(found, item)
        damaged += [
            f"{place}: {plural(1 + len(more), 'line')} of another run ({other}): left out"
            for other, (place, *more) in foreign.items()
        ]
        return Entries(tuple(found.values()), tuple(damaged))


def _enter(found: dict[object, Outcome | Candidate], item: Outcome | Candidate) -> None:
    """Add an entry unless there is one; a full training takes the place of its screen."""
    identity = _identity(item)
    before = found.get(identity)
    if before is None:
        found[identity] = item
    elif _is_screen(before) and not _is_screen(item):
        del found[identity]
        found[identity] = item


def _is_screen(item: Outcome | Candidate) -> bool:
    return isinstance(item, Outcome) and item.status == "discarded"


def _identity(item: Outcome | Candidate) -> object:  # a final held again gives its ids anew
    if isinstance(item, Candidate):
        return item.id
    return item.candidate, item.network_hash, *sorted(item.context.items())


def _left_out(place: str, error: WireError) -> str:
    return f"{place}: {error}: what it held is evaluated again"


def read(run_dir: Path) -> Lines:
    """Return all lines on the disk that are whole; safe while another process appends."""
    try:
        return _scan(run_dir)
    except StorageError as error:
        return Lines((), (str(error),))


def _scan(run_dir: Path) -> Lines:
    """Return the lines of both files.

    Raises:
        StorageError: A file is there and cannot be read.
    """
    found: dict[bytes, Line] = {}
    damaged: list[str] = []
    for name in (directory.JOURNAL_BEFORE, directory.JOURNAL):
        path = run_dir / name
        try:
            texts = directory.patiently(files.read, path).split(b"\n")
        except FileNotFoundError:
            continue
        for number, text in enumerate(texts, 1):
            place = f"{path}:{number}"
            try:
                found.setdefault(text, journal_line.parse(text, place))
            except WireError as error:
                if number < len(texts):  # what follows the last line feed is being written, or torn
                    damaged.append(_left_out(place, error))
    return Lines(tuple(found.values()), tuple(damaged))


class Journal:
    """The journal of a run directory, open for its one writer.

    Raises:
        StorageError: The disk is full or read-only; nothing that was written before is lost.
    """

    def __init__(
        self, run_dir: Path, run_id: str, guard: Callable[[], None] = lambda: None
    ) -> None:
        """Open it, making or mending the file.

        Args:
            run_id: Of the run; every line names it.
            guard: Raises when this process may not write any more; called before every write.
        """
        self._guard = guard
        self._run_id = run_id
        self._run_dir = run_dir
        self._path = run_dir / directory.JOURNAL
        with directory.storage_errors(self._path):
            new = not self._path.exists()
            self._file = files.unlinked(str(self._path), os.O_RDWR | os.O_CREAT | os.O_APPEND)
            if new:
                files.sync_directory(run_dir)
            self._end = self._cut_torn_line()

    def _cut_torn_line(self) -> int:
        """Make the file end behind a line feed, else the next line would be glued to a torn one."""
        data = directory.patiently(files.read, self._path)
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            try:
                journal_line.parse(data[whole:], str(self._path))
            except WireError:
                os.ftruncate(self._file, whole)
            else:  # only the line feed is missing
                os.write(self._file, b"\n")
                whole = len(data) + 1
            os.fsync(self._file)
        return whole

    def _checked_end(self) -> int:
        """Return where the next line begins, also where somebody else wrote behind the newest.

        Raises:
            StorageError: The file is no longer in the directory: what is written to it is lost.
        """
        stat = os.fstat(self._file)
        if not stat.st_nlink:
            raise StorageError(
                f"{self._path}: removed or replaced while this run wrote to it: nothing more is "
                "written; bring it back, then go on with --resume"
            )
        return self._end if stat.st_size == self._end else self._cut_torn_line()

    def append(self, generation: int, item: Outcome | Candidate, *, final: bool = False) -> None:
        """Write one entry; it is on the disk when this returns."""
        self._guard()
        line = journal_line.encode(self._run_id, generation, item, final)
        try:
            with directory.storage_errors(self._path):
                self._end = self._checked_end()
                written = 0
                while written < len(line):
                    written += os.write(self._file, line[written:])
                os.fsync(self._file)
        except StorageError:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)  # the part for which there was room
            raise
        self._end += len(line)

    def of(self, generation: int, *, final: bool = False) -> Entries:
        """Return what an earlier launch left of this generation, or of the final in its place."""
        return _scan(self._run_dir).of(generation, self._run_id, final=final)

    def fold(self, generation: int) -> None:
        """Take the entries of `generation`, whose file is safe now, out of the journal.

        They are kept in journal_before.jsonl until the next fold. A crash between file and fold, or
        within it, neither loses nor doubles an entry: each names its generation, and `of` takes a
        candidate's first.
        """
        self._guard()
        lines = [line for line in _scan(self._run_dir).lines if line.run_id in (None, self._run_id)]
        for name, first in (
            (directory.JOURNAL_BEFORE, generation),
            (directory.JOURNAL, generation + 1),
        ):
            kept = (line.text + b"\n" for line in lines if line.generation >= first)
            directory.write_durably(self._run_dir / name, *kept)
        with directory.storage_errors(self._path):
            folded = files.unlinked(str(self._path), os.O_RDWR | os.O_APPEND)
            os.close(self._file)
            self._file = folded
            self._end = os.fstat(folded).st_size

    def close(self) -> None:
        """Close the file; the journal cannot be used any more."""
        os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
