"""The journal: what the running generation has learned so far, on the disk before it counts.

One line an entry, JSON with the CRC-32 of the rest of the line in front. A line that a crash tore
is cut off; a line that the disk damaged is named and left out. When the generation's file is safe,
its lines are kept once more in journal_before.jsonl, so that the loss of that file loses no
evaluation.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mpineat.errors import StorageError
from mpineat.genotype.genome import Candidate
from mpineat.store import directory
from mpineat.store.earlier_journal import as_today
from mpineat.tasks import OUTCOME, Outcome
from mpineat.wire import Codec, WireError

VERSION = 2  # of a line; those of version 1 do not name theirs
CANDIDATE = Codec("candidate", Candidate)
_START = b'{"crc32":"'
_CRC_DIGITS = 8
_MIDDLE = b'",'
_HEAD = re.compile(
    rb'(?:"version":(\d{1,9}),)?"generation":(\d{1,9}),"kind":"(outcome|candidate|final)","value":'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An outcome that came, or a candidate that the steady schedule asked, in a generation.

    Attributes:
        generation: Of a final: that of the generation which would follow, were there no end.
        final: Whether it is an outcome of the final.
    """

    generation: int
    item: Outcome | Candidate
    final: bool = False


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries in the order in which they were written, and a sentence for each damaged line."""

    entries: tuple[Entry, ...]
    damaged: tuple[str, ...] = ()

    def of(self, generation: int, *, final: bool = False) -> Entries:
        """Return the entries of one generation, or of the final in its place.

        Where a candidate has several, the first counts. A final that is held again with other
        options gives its ids to other trainings.
        """
        found: dict[tuple[object, ...], Entry] = {}
        for entry in self.entries:
            if (entry.generation, entry.final) == (generation, final):
                found.setdefault(_identity(entry.item), entry)
        return Entries(tuple(found.values()), self.damaged)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes, in the order of their arrival."""
        return tuple(entry.item for entry in self.entries if isinstance(entry.item, Outcome))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates, in the order in which they were asked."""
        return tuple(entry.item for entry in self.entries if isinstance(entry.item, Candidate))


def _identity(item: Outcome | Candidate) -> tuple[object, ...]:
    if isinstance(item, Candidate):
        return Candidate, item.id
    return Outcome, item.candidate, item.network_hash, *sorted(item.context.items())


def read(run_dir: Path) -> Entries:
    """Return all entries on the disk that can be read; safe while another process appends."""
    try:
        lines, damaged = _scan(run_dir)
    except StorageError as error:
        return Entries((), (str(error),))
    return Entries(tuple(lines.values()), damaged)


def _scan(run_dir: Path) -> tuple[dict[bytes, Entry], tuple[str, ...]]:
    """Return the whole lines, each once, in order, and a sentence for each damaged one.

    Raises:
        StorageError: A file is there and cannot be read.
    """
    found: dict[bytes, Entry] = {}
    damaged: list[str] = []
    for name in (directory.JOURNAL_BEFORE, directory.JOURNAL):
        path = run_dir / name
        try:
            lines = directory.patiently(Path.read_bytes, path).split(b"\n")
        except FileNotFoundError:
            continue
        for number, line in enumerate(lines, 1):
            try:
                found.setdefault(line, _decode(line))
            except WireError as error:
                if number < len(lines):  # what follows the last line feed is being written, or torn
                    damaged.append(f"{path}:{number}: {error}: what it held is evaluated again")
    return found, tuple(damaged)


def _encode(entry: Entry) -> bytes:
    if isinstance(entry.item, Outcome):
        kind, value = "final" if entry.final else "outcome", OUTCOME.dumps(entry.item)
    else:
        kind, value = "candidate", CANDIDATE.dumps(entry.item)
    rest = b'"version":%d,"generation":%d,"kind":"%b","value":%b}' % (
        VERSION,
        entry.generation,
        kind.encode(),
        value,
    )
    return b"%b%08x%b%b\n" % (_START, zlib.crc32(rest), _MIDDLE, rest)


def _decode(line: bytes) -> Entry:
    """Return the entry of a line without its line feed.

    Raises:
        WireError: The line is damaged, torn or of a later version.
    """
    begin = len(_START) + _CRC_DIGITS + len(_MIDDLE)
    rest = line[begin:]
    found = _HEAD.match(rest)
    if not found or line[:begin] != b"%b%08x%b" % (_START, zlib.crc32(rest), _MIDDLE):
        raise WireError("damaged")
    version, generation, kind = found.groups()
    value = rest[found.end() : -1]
    if version is None:
        value = as_today(kind.decode(), value)
    elif int(version) != VERSION:
        raise WireError(f"written by another mpineat (version {int(version)}, not {VERSION})")
    codec = CANDIDATE if kind == b"candidate" else OUTCOME
    return Entry(int(generation), codec.loads(value), final=kind == b"final")


class Journal:
    """The journal of a run directory, open for its one writer.

    Raises:
        StorageError: The disk is full or read-only; nothing that was written before is lost.
    """

    def __init__(self, run_dir: Path, guard: Callable[[], None] = lambda: None) -> None:
        """Open it, making or mending the file.

        Args:
            guard: Raises when this process may not write any more; called before every write.
        """
        self._guard = guard
        self._run_dir = run_dir
        self._path = run_dir / directory.JOURNAL
        with directory.storage_errors(self._path):
            new = not self._path.exists()
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            if new:
                directory.sync_directory(run_dir)
            self._end = self._cut_torn_line()

    def _cut_torn_line(self) -> int:
        """Make the file end behind a line feed, else the next line would be glued to a torn one."""
        data = directory.patiently(Path.read_bytes, self._path)
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            try:
                _decode(data[whole:])
            except WireError:
                os.ftruncate(self._file, whole)
            else:  # only the line feed is missing
                os.write(self._file, b"\n")
                whole = len(data) + 1
            os.fsync(self._file)
        return whole

    def append(self, generation: int, item: Outcome | Candidate, *, final: bool = False) -> None:
        """Write one entry; it is on the disk when this returns."""
        self._guard()
        line = _encode(Entry(generation, item, final))
        try:
            with directory.storage_errors(self._path):
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
        lines, damaged = _scan(self._run_dir)
        return Entries(tuple(lines.values()), damaged).of(generation, final=final)

    def fold(self, generation: int) -> None:
        """Take the entries of `generation`, whose file is safe now, out of the journal.

        They are kept in journal_before.jsonl until the next fold. A crash between file and fold, or
        within it, neither loses nor doubles an entry: each names its generation, and `of` takes a
        candidate's first.
        """
        self._guard()
        lines, _ = _scan(self._run_dir)
        for name, first in (
            (directory.JOURNAL_BEFORE, generation),
            (directory.JOURNAL, generation + 1),
        ):
            kept = (line + b"\n" for line, entry in lines.items() if entry.generation >= first)
            directory.write_durably(self._run_dir / name, *kept)
        with directory.storage_errors(self._path):
            folded = os.open(self._path, os.O_RDWR | os.O_APPEND)
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
