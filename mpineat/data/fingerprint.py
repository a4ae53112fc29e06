"""What makes a data set the same data set: shape, classes, counts, and a digest of its content.

A digest is SHA-256 of all labels and of SAMPLE images that lie evenly from the first to the last,
as networks see them: uint8, after every conversion. So the same data under another path, another
name or in another container are the same, and 1,200,000 images take no longer than 1,000.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mpineat.data.reader import Header, Split
from mpineat.errors import InputError

SAMPLE = 1024
_TOGETHER = 16  # parts in which the sample is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a data set: to train, to validate or to test on.

    Attributes:
        counts: Images of each class, by label.
    """

    examples: int
    counts: tuple[int, ...]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Of a whole data set; validation None: split off the training set by the run's seed.

    Attributes:
        training: Digest of all that a worker reads.
        class_names, conversion: Recorded, not compared.
    """

    shape: tuple[int, int, int]
    classes: int
    train: Part
    validation: Part | None
    test: Part
    training: str
    class_names: tuple[str, ...]
    conversion: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Fingerprint:
        """Read what `to_json` returned.

        Raises:
            InputError: Anything else.
        """
        try:
            parts = {
                name: None if value[name] is None else _part(value[name])
                for name in ("train", "validation", "test")
            }
            height, width, channels = value["shape"]
            return Fingerprint(
                shape=(int(height), int(width), int(channels)),
                classes=int(value["classes"]),
                train=parts["train"] or _part({}),
                validation=parts["validation"],
                test=parts["test"] or _part({}),
                training=str(value["training"]),
                class_names=tuple(map(str, value["class_names"])),
                conversion=dict(value["conversion"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"expected a data set's record, found none: {error!r}") from error

    def differences(self, other: Fingerprint) -> Iterator[str]:
        """Yield in words how `other` is another data set; nothing where it is the same."""
        for name, mine, theirs in (
            ("images", self.shape, other.shape),
            ("classes", self.classes, other.classes),
            ("images to train on", self.train.examples, other.train.examples),
            ("images to validate on", _examples(self.validation), _examples(other.validation)),
            ("images to test on", self.test.examples, other.test.examples),
        ):
            if mine != theirs:
                yield f"{name}: {_shown(mine)} were recorded, found {_shown(theirs)}"
        for name, part, found in (
            ("train", self.train, other.train),
            ("validate", self.validation, other.validation),
            ("test", self.test, other.test),
        ):
            if part is None or found is None or self.shape != other.shape:
                continue
            if part.examples == found.examples and part.digest != found.digest:
                yield f"images or labels to {name} on are others than were recorded"


def fingerprint(header: Header, train: Split, validation: Split | None, test: Split) -> Fingerprint:
    """Return the fingerprint of a data set that was read."""
    return Fingerprint(
        shape=header.shape,
        classes=header.classes,
        train=_of(train, header.classes),
        validation=None if validation is None else _of(validation, header.classes),
        test=_of(test, header.classes),
        training=training_digest(header, train, validation),
        class_names=header.class_names,
        conversion=header.conversion.to_json(),
    )


def training_digest(header: Header, train: Split, validation: Split | None) -> str:
    """Return the digest of all that a worker reads."""
    parts = [digest(part) for part in (train, validation) if part is not None]
    return hashlib.sha256(f"{header.shape} {header.classes} {parts}".encode()).hexdigest()


def digest(split: Split) -> str:
    """Return SHA-256, in hexadecimal, of all labels and of SAMPLE images."""
    found = hashlib.sha256(repr(split.x.shape).encode())
    found.update(split.y.astype("<i4").tobytes())
    chosen = np.unique(np.linspace(0, len(split.y) - 1, SAMPLE).astype(np.int64))
    # Whether several are hashed together or one after another is the same.
    for few in np.array_split(chosen, _TOGETHER):
        found.update(np.ascontiguousarray(split.x[few]).data)
    return found.hexdigest()


def _of(split: Split, classes: int) -> Part:
    counts = np.bincount(split.y, minlength=classes)
    return Part(examples=len(split.y), counts=tuple(counts.tolist()), digest=digest(split))


def _part(value: Mapping[str, Any]) -> Part:
    return Part(
        examples=int(value["examples"]),
        counts=tuple(map(int, value["counts"])),
        digest=str(value["digest"]),
    )


def _examples(part: Part | None) -> int:
    return 0 if part is None else part.examples


def _shown(value: tuple[int, ...] | int) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else f"{value:,}"
