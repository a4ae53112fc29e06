"""Dataset: the images of a run, split for training, validation and test; without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mpineat import config
from mpineat.data.reader import Reader, Split, source
from mpineat.errors import InputError

# One word of every random generator's key, so that no other draw of the run repeats these.
_SUBSET, _VALIDATION = 101, 102


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The images that networks are trained and judged on.

    Attributes:
        input_shape: (height, width, channels).
        train, validation: Parts of the official training set, stratified by class.
    """

    name: str
    input_shape: tuple[int, int, int]
    classes: int
    train: Split
    validation: Split
    read_test: Callable[[], Split]

    @property
    def test(self) -> Split:
        """The official test set, read when asked for: by the winner's final training alone."""
        return self.read_test()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What `check` and rank 0 need to know; train_examples does not count augmented copies."""

    input_shape: tuple[int, int, int]
    classes: int
    train_examples: int
    validation_examples: int

    def line(self, options: config.Dataset) -> str:
        """Return the data set of these options in a line."""
        size = "x".join(str(extent) for extent in self.input_shape)
        copies = options.augment_copies
        return (
            f"{options.name}, {size}, {self.classes} classes, {self.train_examples:,} examples"
            f" to train{f' (x{copies} by augmentation)' if copies > 1 else ''},"
            f" {self.validation_examples:,} to validate"
        )


def describe(options: config.Dataset) -> Description:
    """Describe the data set of a run from the headers of its files.

    Raises:
        InputError: Options that its reader does not take; files that are missing or not what the
            data set's format says.
    """
    header = _reader(options).header()
    examples = _used_examples(options, header.train_examples)
    validation = _validation_examples(options, examples)
    return Description(
        input_shape=header.shape,
        classes=header.classes,
        train_examples=examples - validation,
        validation_examples=validation,
    )


def open_dataset(options: config.Dataset, seed: int) -> Dataset:
    """Read the data set of a run and split it.

    Args:
        seed: Of the run: equal seeds give equal splits.

    Raises:
        InputError: As `describe`; files that are truncated or otherwise damaged.
    """
    reader = _reader(options)
    whole = reader.train()
    classes = reader.header().classes
    used = np.arange(len(whole.y))
    examples = _used_examples(options, len(used))
    if examples < len(used):
        used = stratified_choice(whole.y, examples, np.random.default_rng([seed, _SUBSET]))
    chosen = stratified_choice(
        whole.y[used],
        _validation_examples(options, examples),
        np.random.default_rng([seed, _VALIDATION]),
    )
    return Dataset(
        name=options.name,
        input_shape=tuple(whole.x.shape[1:]),
        classes=classes,
        train=_take(whole, np.delete(used, chosen)),
        validation=_take(whole, used[chosen]),
        read_test=reader.test,
    )


def stratified_choice(y: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` indices into `y`, ascending, of which each class has its share."""
    per_class = np.bincount(y)
    share = per_class * (count / len(y))
    quota = np.floor(share).astype(int)
    # The largest remainders take what flooring left over.
    quota[np.argsort(quota - share, kind="stable")[: count - quota.sum()]] += 1
    chosen = [
        rng.permutation(np.flatnonzero(y == label))[:wanted]
        for label, wanted in enumerate(quota)
        if wanted
    ]
    return np.sort(np.concatenate(chosen))


def _reader(options: config.Dataset) -> Reader:
    wanted = source(options.name)
    if wanted.path != "none" and options.path is None:
        raise InputError(
            f"dataset.path: data set {options.name!r} needs the {wanted.path} of its images"
        )
    for name in options.OF_SOME_READERS:
        if getattr(options, name) is not None and name not in wanted.options:
            raise InputError(
                f"dataset.{name}: data set {options.name!r} does not take it; leave it out"
            )
    return wanted.open(options)


def _used_examples(options: config.Dataset, available: int) -> int:
    return min(options.train_examples or available, available)


def _validation_examples(options: config.Dataset, examples: int) -> int:
    validation = round(examples * options.validation_fraction)
    if not 0 < validation < examples:
        raise InputError(
            f"dataset.validation_fraction: {options.validation_fraction} of {examples} training "
            f"examples leaves {examples - validation} to train on and {validation} to validate on; "
            "both need at least 1"
        )
    return validation


def _take(examples: Split, indices: np.ndarray) -> Split:
    return Split(np.ascontiguousarray(examples.x[indices]), examples.y[indices])
