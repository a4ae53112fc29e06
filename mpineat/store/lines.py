"""Lines of a journal: JSON with the CRC-32 of the rest of the line in front."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from mpineat.genotype.genome import Candidate
from mpineat.store.earlier_journal import as_today
from mpineat.tasks import OUTCOME, Outcome
from mpineat.units import plural
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
                    damaged.append(left_out(line.place, error))
                else:
                    found.setdefault(_identity(item), item)
        damaged += [
            f"{place}: {plural(1 + len(more), 'line')} of another run ({other}): left out"
            for other, (place, *more) in foreign.items()
        ]
        return Entries(tuple(found.values()), tuple(damaged))


def _identity(item: Outcome | Candidate) -> object:  # a final held again gives its ids anew
    if isinstance(item, Candidate):
        return item.id
    return item.candidate, item.network_hash, *sorted(item.context.items())


def left_out(place: str, error: WireError) -> str:
    """Return the sentence on a line that cannot be used."""
    return f"{place}: {error}: what it held is evaluated again"


def encode(run_id: str, generation: int, item: Outcome | Candidate, final: bool) -> bytes:
    """Return the line of an outcome, of the final or not, or of a candidate; with its line feed."""
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
