"""Dataset: the images of a run, split for training, validation and test; without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from mpineat import config
from mpineat.data.conversion import AS_IT_IS, Conversion
from mpineat.data.fingerprint import training_digest
from mpineat.data.reader import Header, Reader, Split, ValidatedReader, source
from mpineat.data.rows import taken
from mpineat.errors import InputError

# One word of every random generator's key, so that no other draw of the run repeats these.
_SUBSET, _VALIDATION = 101, 102


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The images that networks are trained and judged on.

    Attributes:
        input_shape: (height, width, channels).
        train, validation: Parts of the official training set, stratified by class; or a validation
            set of its own, where the data set has one.
        class_names: By label; () where classes are only numbered.
        conversion: How the user's values became uint8: what an exported model takes.
        digest: Of the images to train and validate on, before they are split.
    """

    name: str
    input_shape: tuple[int, int, int]
    classes: int
    train: Split
    validation: Split
    read_test: Callable[[], Split]
    class_names: tuple[str, ...] = ()
    conversion: Conversion = AS_IT_IS
    digest: str = ""

    @property
    def test(self) -> Split:
        """The official test set, read when asked for: by the winner's final training alone."""
        return self.read_test()


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the search needs to know; train_examples does not count augmented copies.

    Attributes:
        notes: What was made of the user's files, a line each.
    """

    input_shape: tuple[int, int, int]
    classes: int
    train_examples: int
    validation_examples: int
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
    return describe_header(options, open_reader(options).header())


def describe_header(options: config.Dataset, header: Header) -> Description:
    """Describe the data set that a reader's header tells of.

    Raises:
        InputError: The options leave nothing to train or to validate on.
    """
    examples = _used_examples(options, header.train_examples)
    own = header.validation_examples
    validation = own or _validation_examples(options, examples)
    return Description(
        input_shape=header.shape,
        classes=header.classes,
        train_examples=examples if own else examples - validation,
        validation_examples=validation,
        class_names=header.class_names,
        notes=header.notes,
    )


def open_dataset(options: config.Dataset, seed: int) -> Dataset:
    """Read the data set of a run and split it.

    Args:
        seed: Of the run: equal seeds give equal splits.

    Raises:
        InputError: As `describe`; files that are truncated or otherwise damaged.
    """
    reader = open_reader(options)
    header = reader.header()
    return divide(
        options, seed, header, reader.train(), own_validation(reader, header), reader.test
    )


def divide(
    options: config.Dataset,
    seed: int,
    header: Header,
    whole: Split,
    own: Split | None,
    read_test: Callable[[], Split],
) -> Dataset:
    """Return the data set of a run, of parts that were read.

    Args:
        whole: The training set, `own` the data set's own validation set.

    Raises:
        InputError: The options leave nothing to train or to validate on.
    """
    used, chosen = split(options, seed, whole.y, holds_back=own is None)
    return Dataset(
        name=options.name,
        input_shape=header.shape,
        classes=header.classes,
        train=_take(whole, used),
        validation=_take(whole, chosen) if own is None else own,
        read_test=read_test,
        class_names=header.class_names,
        conversion=header.conversion,
        digest=training_digest(header, whole, own),
    )


def split(
    options: config.Dataset, seed: int, y: np.ndarray, *, holds_back: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places, ascending, of the images to train on and of those held back to validate.

    Args:
        y: Labels of the training set.
        holds_back: False where the data set has a validation set of its own.

    Raises:
        InputError: The options leave nothing to train or to validate on.
    """
    used = np.arange(len(y))
    examples = _used_examples(options, len(used))
    if examples < len(used):
        used = stratified_choice(y, examples, np.random.default_rng([seed, _SUBSET]))
    if not holds_back:
        return used, used[:0]
    chosen = stratified_choice(
        y[used],
        _validation_examples(options, examples),
        np.random.default_rng([seed, _VALIDATION]),
    )
    return np.delete(used, chosen), used[chosen]


def own_validation(reader: Reader, header: Header) -> Split | None:
    """Return the validation set that the data set has, None where it is split off."""
    return cast(ValidatedReader, reader).validation() if header.validation_examples else None


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


def open_reader(options: config.Dataset) -> Reader:
    """Return the reader that dataset.name names.

    Raises:
        InputError: Options that it does not take; files that are not there.
    """
    wanted = source(options.name)
    if wanted.path != "none" and options.path is None:
        raise InputError(
            f"dataset.path: data set {options.name!r} needs the {wanted.path} of its images"
        )
    for name in options.OF_SOME_READERS:
        usual = type(options).model_fields[name].default
        if getattr(options, name) != usual and name not in wanted.options:
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
    return Split(taken(examples.x, indices), examples.y[indices])
