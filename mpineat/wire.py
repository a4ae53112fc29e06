"""Values as JSON, read in bounds: the ranges that fields declare, and a codec for each kind."""

from __future__ import annotations

import os
import zlib
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar

from annotated_types import Ge, Le, Lt
from pydantic import (
    AfterValidator,
    AllowInfNan,
    ConfigDict,
    FailFast,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticSerializationError

VERSION = 2
# Bytes of a value as JSON, and of the message around it. The outcomes of configs/ have at most
# 60 KB, one of 1000 layers and 10,000 epochs has 2 MB. Where every field is a wrong one, reading
# takes 100 times as much memory before it gives up: 0.4 GB.
LARGEST = 4 << 20
ROOM = 4096  # bytes of those that a sender leaves to who completes the value: device, host, waits
# Bytes that are sent as they are: packing them costs more than sending them, to the next process or
# node alike.
SMALL = 4096

T = TypeVar("T")
# No Field(...) here: before pydantic 2.12 fields of one such type shared it with their defaults.
Count = Annotated[int, Ge(0), Lt(2**63)]  # ids too; the store's columns have 64 bits
Positive = Annotated[int, Ge(1), Lt(2**63)]
Finite = Annotated[float, AllowInfNan(False)]
# Of seconds, times too: to 1e12, in 30,000 years, arithmetic with them stays exact to 0.1 ms.
NonNegative = Annotated[float, Ge(0), Le(1e12), AllowInfNan(False)]
Share = Annotated[float, Ge(0), Le(1)]
Label = Annotated[int, Ge(0), Lt(1000)]  # of a confusion matrix: whoever lays it out can hold it
# A word or a sentence of another process, fit for a line of a log.
Line = Annotated[str, StringConstraints(max_length=500, pattern="^[^\\x00-\\x1f\\x7f]*$")]
# A file's name is bytes, which need not be UTF-8; JSON has text alone.
FileName = Annotated[
    str,
    PlainSerializer(lambda name: os.fsencode(name).decode("latin-1")),
    AfterValidator(lambda text: os.fsdecode(text.encode("latin-1"))),
]
# Reading stops at the first wrong item: else 1 MB of them would become 1 GB of errors.
Series = Annotated[tuple[T, ...], FailFast()]

_STRICT = ConfigDict(extra="forbid", strict=True, ser_json_inf_nan="constants")


class WireError(ValueError):
    """Bytes that are no value of this kind and version; one line."""


class Codec(Generic[T]):
    """Writes and reads one kind of value, a dataclass, by the types of its fields.

    What is read has no unknown field, no value of another type or outside its range, at most
    LARGEST bytes of JSON, and at most the 200 levels of nesting that pydantic's parser follows.
    """

    def __init__(self, kind: str, cls: type[T]) -> None:
        """Take `kind`, a word for messages, and the class of its values."""
        self._kind, self._cls = kind, cls
        self._head = f"{kind} {VERSION} ".encode()

    @cached_property
    def _adapter(self) -> TypeAdapter[tuple[T]]:  # built when needed: status and check never do
        # In a tuple, because pydantic takes no configuration for a bare dataclass, and that of the
        # dataclass does not reach the named tuples in it.
        return TypeAdapter(tuple[self._cls], config=_STRICT)  # type: ignore[name-defined]

    def dumps(self, value: T, *, defaults: bool = True) -> bytes:
        """Return `value` as JSON; without what has its default if not `defaults`."""
        return self._adapter.dump_json((value,), exclude_defaults=not defaults)[1:-1]

    def loads(self, data: bytes) -> T:
        """Read what `dumps` returned.

        Raises:
            WireError: It is no value of this kind.
        """
        if len(data) > LARGEST:
            raise WireError(f"not {self._a}: more than {LARGEST:,} bytes")
        try:
            (value,) = self._adapter.validate_json(b"[%b]" % data)
        except ValidationError as error:
            raise WireError(f"not {self._a}: {_first(error)}") from None
        return value

    def pack(self, value: T, *, defaults: bool = False) -> bytes:
        """Encode for a pipe or a message: kind, version and JSON, through zlib unless small.

        Raises:
            WireError: It is too large, or holds what JSON cannot.
        """
        try:
            data = self.dumps(value, defaults=defaults)
        except PydanticSerializationError as error:
            raise WireError(f"{self._a} cannot be sent: {error}") from None
        if len(data) > LARGEST - ROOM:
            raise WireError(
                f"{self._a} of {len(data):,} bytes cannot be sent: at most {LARGEST - ROOM:,}"
            )
        return self._head + (data if len(data) <= SMALL else zlib.compress(data, 1))

    def unpack(self, data: bytes) -> T:
        """Decode what `pack` returned.

        Raises:
            WireError: Damaged bytes, another version, another kind, too many bytes.
        """
        if not data.startswith(self._head):
            raise WireError(
                f"expected {self._a} of version {VERSION}, found {bytes(data[:24])!r} "
                f"({len(data):,} bytes)"
            )
        body = data[len(self._head) :]
        return self.loads(body if body[:1] == b"{" else _inflate(body))

    @property
    def _a(self) -> str:
        return f"{'an' if self._kind[0] in 'aeiou' else 'a'} {self._kind}"


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(data, LARGEST + 1)
    except zlib.error as error:
        raise WireError(f"damaged message of {len(data):,} bytes: {error}") from None
    if len(found) > LARGEST:
        raise WireError(f"{len(data):,} bytes inflate to more than {LARGEST:,}")
    if not inflater.eof or inflater.unused_data:
        raise WireError(f"damaged message of {len(data):,} bytes: cut off or lengthened")
    return found


def _first(error: ValidationError) -> str:
    """Return the first of the errors on one line."""
    if (count := error.error_count()) > 1000:  # listing them would cost more than making them did
        return f"{count:,} errors"
    first: Any = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"][1:]))
    found = f", found {first['input']!r:.60}" if first["type"] != "json_invalid" else ""
    more = f" (and {count - 1} more)" if count > 1 else ""
    return f"{where + ': ' if where else ''}{first['msg']}{found}{more}"
