"""A user's own arrays: a file, or .npy files, with images and labels and perhaps a test set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from mpineat import config
from mpineat.data import array_cache, images, labels
from mpineat.data.arrays import Pair, choose
from mpineat.data.container import opened
from mpineat.data.conversion import AS_IT_IS, Conversion, recognised
from mpineat.data.held_out import held_out
from mpineat.data.images import Layout
from mpineat.data.labels import LabelMap
from mpineat.data.named_arrays import Array
from mpineat.data.reader import Header, Source, Split, location
from mpineat.data.rows import taken
from mpineat.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Images and labels of the file, their meaning decided but the images not read.

    Attributes:
        kept: Indices of the images that are used; None: all.
    """

    x: Array
    layout: Layout
    y: np.ndarray
    kept: np.ndarray | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What the file holds."""

    train: _Part
    test: _Part | None
    validation: _Part | None
    labels: LabelMap
    conversion: Conversion
    notes: tuple[str, ...]


class OwnFile:
    """The arrays of one file; which is which, and what they mean, is decided when it is opened."""

    def __init__(self, path: Path, options: config.Dataset | None = None) -> None:
        """Take a path as `container.opened` does."""
        self.path = path
        self.options = options or config.Dataset()
        self._decided: Header | None = None
        self._splits: dict[str, Split] = {}
        self._tested = False  # whether the file has a test set; known once a part was read

    def header(self) -> Header:
        """Read the labels and the shapes; of images that are not uint8 their values too."""
        if self._decided is None:
            with self._plan() as plan:
                apart = 0 if plan.test else len(held_out(plan.train.y, self.path))
                self._decided = Header(
                    plan.train.layout.shape,
                    plan.labels.classes,
                    len(plan.train.y) - apart,
                    validation_examples=len(plan.validation.y) if plan.validation else 0,
                    class_names=plan.labels.names,
                    notes=plan.notes,
                    conversion=plan.conversion,
                )
        return self._decided

    def train(self) -> Split:
        """Return the training images, less the test examples where the file has no test set."""
        split = self._read("train")
        if self._tested:
            return split
        keep = np.delete(np.arange(len(split.y)), held_out(split.y, self.path))
        return Split(taken(split.x, keep), split.y[keep])

    def validation(self) -> Split:
        """Return the validation images, where the header tells of some."""
        return self._read("validation")

    def test(self) -> Split:
        """Return the test images, or what was held out for the test."""
        split = self._read("train")
        if self._tested:
            return self._read("test")
        chosen = held_out(split.y, self.path)
        return Split(taken(split.x, chosen), split.y[chosen])

    def _read(self, name: Literal["train", "validation", "test"]) -> Split:
        """Return a part that the file has, read once."""
        if name not in self._splits:
            with self._plan() as plan:
                self._tested = plan.test is not None
                part = {"train": plan.train, "validation": plan.validation, "test": plan.test}[name]
                assert part is not None
                self._splits[name] = _read(part, plan.conversion)
        return self._splits[name]

    @contextmanager
    def _plan(self) -> Iterator[_Plan]:
        options = self.options
        with opened(self.path) as container:
            chosen = choose(container, options.arrays)
            layout = images.layout(
                chosen.train.x,
                channels=options.channels,
                size=options.image_size,
                signals=options.signals,
                column_major=container.column_major,
            )
            y = labels.flat(chosen.train.y.whole(), layout.examples, chosen.train.y.place)
            titles = () if chosen.class_names is None else _texts(chosen.class_names)
            known, mapped, kept = self._learned(y, chosen.train.y.place, titles)
            train = _Part(x=chosen.train.x, layout=layout, y=mapped, kept=kept)
            conversion = self._conversion(chosen.train.x, layout)
            dropped = layout.examples - len(train.y)
            notes = (
                layout.note,
                conversion.note,
                known.note,
                f"{dropped} images of rare labels are left out" if dropped else "",
            )
            yield _Plan(
                train=train,
                test=self._part(chosen.test, train, known, conversion),
                validation=self._part(chosen.validation, train, known, conversion),
                labels=known,
                conversion=conversion,
                notes=tuple(note for note in notes if note),
            )

    def _part(
        self, pair: Pair | None, train: _Part, known: LabelMap, conversion: Conversion
    ) -> _Part | None:
        """Decide about the test or the validation set; it must be of the training set's kind."""
        if pair is None:
            return None
        if pair.x.dtype != train.x.dtype or pair.x.shape[1:] != train.x.shape[1:]:
            raise InputError(
                f"{pair.x.place}: expected images as those to train on, {train.x.dtype} "
                f"{list(train.x.shape[1:])}, found {pair.x.dtype} {list(pair.x.shape[1:])}"
            )
        layout = images.Layout(
            examples=pair.x.shape[0],
            shape=train.layout.shape,
            stored=train.layout.stored,
            turned=train.layout.turned,
        )
        if not layout.examples:
            raise InputError(f"{pair.x.place}: expected images, found none")
        y = labels.flat(pair.y.whole(), layout.examples, pair.y.place)
        return _Part(x=pair.x, layout=layout, y=labels.mapped(y, known, pair.y.place), kept=None)

    def _learned(
        self, y: np.ndarray, place: str, names: tuple[str, ...]
    ) -> tuple[LabelMap, np.ndarray, np.ndarray | None]:
        """Return the map of labels, the labels mapped, and which images are kept (None: all)."""
        known = labels.learn(y, place, names=names)
        mapped = labels.mapped(y, known, place)
        rare = labels.rare(mapped)
        if not rare.size or self.options.rare_labels == "keep":
            return known, mapped, None
        if self.options.rare_labels is None:
            raise InputError(
                f"{place}: {len(rare)} of {known.classes} labels occur once each among "
                f"{len(y):,}, such as {known.values[int(rare[0])]!r}; set dataset.rare_labels: "
                "keep (they are classes) or drop (leave these images out)"
            )
        kept = np.flatnonzero(~np.isin(mapped, rare))
        known = labels.learn(y[kept], place, names=names)
        return known, labels.mapped(y[kept], known, place), kept

    def _conversion(self, x: Array, layout: Layout) -> Conversion:
        if self.options.range is not None:
            low, high = self.options.range
            return Conversion(dtype=x.dtype.name, low=low, high=high)
        if self._decided is not None:
            return self._decided.conversion  # looked at already: every value takes a while
        if x.dtype == np.uint8:
            return AS_IT_IS
        if x.dtype.kind == "b":
            return Conversion(dtype="bool", high=1.0)
        found = array_cache.range_of(x, layout)
        return recognised(x.dtype, found.low, found.high, whole=found.whole, place=x.place)


OWN_FILE = Source(
    title="own data",
    path="file",
    open=lambda options: OwnFile(location(options), options),
    options=("arrays", "signals", "channels", "range", "rare_labels", "image_size"),
)


def _read(part: _Part, conversion: Conversion) -> Split:
    x = array_cache.images(part.x, part.layout, conversion)
    return Split(x if part.kept is None else taken(x, part.kept), part.y)


def _texts(array: Array) -> tuple[str, ...]:
    values = array.whole().reshape(-1)
    if values.dtype.kind not in "SU":
        return ()
    texts = np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values
    return tuple(str(text) for text in texts.tolist())
