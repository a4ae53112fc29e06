"""One line of the journal: what it holds, how it is written, and whether it is whole."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from mpineat.genotype.genome import Candidate
from mpineat.store.earlier_journal import as_today
from mpineat.tasks import OUTCOME, Outcome
from mpineat.wire import Codec, WireError

VERSION = 2  # of a line; those of version 1 do not name theirs
CANDIDATE = Codec("candidate", Candidate)
_START = b'{"crc32":"'
_CRC_DIGITS = 8
_MIDDLE = b'",'
_HEAD = re.compile(
    rb'(?:"version":(\d{1,9}),)?(?:"run":"([\w-]{1,64})",)?'
    rb'"generation":(\d{1,9}),"kind":"(outcome|candidate|final)","value":'
)


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line, whose value nobody has read yet.

    Attributes:
        place: Its file and number.
        run_id: Of the run that wrote it; None in lines of version 1, and some of version 2.
        kind: "outcome", "candidate" or, for an outcome of the final, "final".
    """

    place: str
    text: bytes
    version: int
    run_id: str | None
    generation: int
    kind: str
    value: bytes

    def item(self) -> Outcome | Candidate:
        """Return what it holds.

        Raises:
            WireError: It is of another version, or a value is out of its range.
        """
        if self.version not in (1, VERSION):
            raise WireError(f"written by another mpineat (version {self.version}, not {VERSION})")
        codec = CANDIDATE if self.kind == "candidate" else OUTCOME
        return codec.loads(as_today(self.kind, self.value) if self.version == 1 else self.value)


def encode(run_id: str, generation: int, item: Outcome | Candidate, final: bool) -> bytes:
    """Return the line of an entry, its line feed included."""
    if isinstance(item, Outcome):
        kind, value = "final" if final else "outcome", OUTCOME.dumps(item)
    else:
        kind, value = "candidate", CANDIDATE.dumps(item)
    rest = b'"version":%d,"run":"%b","generation":%d,"kind":"%b","value":%b}' % (
        VERSION,
        run_id.encode(),
        generation,
        kind.encode(),
        value,
    )
    return b"%b%08x%b%b\n" % (_START, zlib.crc32(rest), _MIDDLE, rest)


def parse(text: bytes, place: str) -> Line:
    """Return a line without its line feed.

    Raises:
        WireError: The line is damaged or torn.
    """
    begin = len(_START) + _CRC_DIGITS + len(_MIDDLE)
    rest = text[begin:]
    found = _HEAD.match(rest)
    if not found or text[:begin] != b"%b%08x%b" % (_START, zlib.crc32(rest), _MIDDLE):
        raise WireError("damaged")
    version, run_id, generation, kind = found.groups()
    return Line(
        place=place,
        text=text,
        version=1 if version is None else int(version),
        run_id=run_id.decode() if run_id else None,
        generation=int(generation),
        kind=kind.decode(),
        value=rest[found.end() : -1],
    )
