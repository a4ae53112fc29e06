"""All of a data set, read and looked through before a batch job is spent on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mpineat import config
from mpineat.data.class_weights import class_weights
from mpineat.data.dataset import (
    Dataset,
    Description,
    describe_header,
    divide,
    open_reader,
    own_validation,
    split,
)
from mpineat.data.fingerprint import Fingerprint, fingerprint
from mpineat.data.reader import Header, Split
from mpineat.data.rows import parts
from mpineat.errors import InputError

_SHOWN = 12  # classes whose counts are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was read: every part, validated; validation None: it is split off the training set."""

    options: config.Dataset
    header: Header
    train: Split
    validation: Split | None
    test: Split

    @property
    def description(self) -> Description:
        """What the search needs to know."""
        return describe_header(self.options, self.header)

    def fingerprint(self) -> Fingerprint:
        """Return what makes it the same data set another time."""
        return fingerprint(self.header, self.train, self.validation, self.test)

    def dataset(self, seed: int) -> Dataset:
        """Return it split as a run of this seed does."""
        return divide(
            self.options, seed, self.header, self.train, self.validation, lambda: self.test
        )

    def labels(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return those of the images that a run of this seed trains on, and validates on."""
        held_back = self.validation is None
        used, chosen = split(self.options, seed, self.train.y, holds_back=held_back)
        own = self.train.y[chosen] if self.validation is None else self.validation.y
        return self.train.y[used], own

    def class_weights(self, options: config.Config) -> tuple[float, ...] | None:
        """Return what every image of a class counts in the loss of a run; None: all alike."""
        labels, _ = self.labels(options.run.seed)
        return class_weights(options.training.class_weights, labels, self.header.classes)

    def missing(self, seed: int) -> Iterator[str]:
        """Yield a warning for each part of a run of this seed in which classes are missing."""
        for what, labels, so in zip(
            ("to train on", "to validate on"),
            self.labels(seed),
            ("nothing can be learned of them", "no metric says how well they are recognised"),
            strict=True,
        ):
            found = set(labels.tolist())
            absent = [label for label in range(self.header.classes) if label not in found]
            if absent:
                names = [_named(label, self.header) for label in absent]
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                yield (
                    f"warning: no image {what} of {', '.join(names[:_SHOWN])}{more}: {so}; "
                    "raise dataset.validation_fraction or dataset.train_examples, or add images"
                )

    def lines(self) -> Iterator[str]:
        """Yield what a person should look at: conversions, values, classes, images in two parts."""
        yield from self.header.notes
        extremes = [(block.min(), block.max()) for block in parts(self.train.x)]
        low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
        yield f"values {low} to {high} as uint8"
        for name, part in self._parts():
            yield f"{len(part.y):,} to {name}: {_classes(part, self.header)}"
        if common := images_in_common(self.train, self.test):
            yield (
                f"warning: {common:,} of {len(self.test.y):,} test images are among the training "
                "images; the test accuracy will flatter"
            )

    def _parts(self) -> Iterator[tuple[str, Split]]:
        yield ("train on" if self.validation else "train and validate on"), self.train
        if self.validation is not None:
            yield "validate on", self.validation
        yield "test", self.test


def survey(options: config.Dataset) -> Survey:
    """Read all parts of the data set of these options.

    Raises:
        InputError: As `data.dataset.open_dataset`; a part without images, of another shape, or with
            labels that are no class: nothing of it must come to light after the final training.
    """
    reader = open_reader(options)
    header = reader.header()
    found = Survey(
        options=options,
        header=header,
        train=reader.train(),
        validation=own_validation(reader, header),
        test=reader.test(),
    )
    describe_header(options, header)  # refuses options that leave nothing to train on
    where = options.path or options.name
    for name, part in found._parts():
        _validate(part, header, f"{where}: images to {name}")
    return found


def images_in_common(train: Split, test: Split) -> int:
    """Return how many test images are among the training images, byte for byte."""
    known, found = (
        np.concatenate([_hashes(block) for block in parts(split.x)]) for split in (train, test)
    )
    return int(np.isin(found, known).sum())


def _validate(part: Split, header: Header, place: str) -> None:
    if part.x.dtype != np.uint8 or part.x.shape[1:] != header.shape:
        raise InputError(
            f"{place}: expected uint8 {list(header.shape)}, "
            f"found {part.x.dtype} {list(part.x.shape[1:])}"
        )
    if len(part.x) != len(part.y) or not len(part.y):
        raise InputError(
            f"{place}: expected images with a label each, found {len(part.x)} images and "
            f"{len(part.y)} labels"
        )
    if part.y.min() < 0 or part.y.max() >= header.classes:
        raise InputError(
            f"{place}: expected labels from 0 to {header.classes - 1}, "
            f"found {part.y.min()} to {part.y.max()}"
        )


def _named(label: int, header: Header) -> str:
    return header.class_names[label] if header.class_names else f"class {label}"


def _hashes(images: np.ndarray) -> np.ndarray:
    """Return 8 bytes of each image: of ten million, no two are likely to be alike by chance."""
    made = b"".join(hashlib.blake2b(image.data, digest_size=8).digest() for image in images)
    return np.frombuffer(made, np.uint64)


def _classes(part: Split, header: Header) -> str:
    counts = np.bincount(part.y, minlength=header.classes).tolist()
    names = header.class_names or tuple(map(str, range(header.classes)))
    if len(set(counts)) == 1:
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        return f"{counts[0]:,} of each class: {shown}"
    if len(counts) <= _SHOWN:
        return ", ".join(f"{name} {count:,}" for name, count in zip(names, counts, strict=True))
    order = np.argsort(counts, kind="stable")
    few, many = int(order[0]), int(order[-1])
    return f"{names[few]} {counts[few]:,} (fewest) to {names[many]} {counts[many]:,} (most)"
