"""A user's own image files: a folder a class, or a table of files and labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from mpineat import config
from mpineat.data import image_cache, jpeg, pictures
from mpineat.data.held_out import held_out
from mpineat.data.image_cache import BrokenImage, Labelled, Shape
from mpineat.data.listing import listing
from mpineat.data.reader import Header, Source, Split, location
from mpineat.data.rows import taken
from mpineat.errors import InputError


class ImageFolder:
    """Image files, decoded once into a cache that all processes share."""

    def __init__(self, path: Path, options: config.Dataset) -> None:
        """List the files."""
        jpeg.require_pillow()
        self.path, self.options = path, options
        found = listing(path)
        self.names, self.parts = found.names, found.parts
        self._shape: Shape | None = None
        self._read: dict[str, tuple[Split, list[str]]] = {}

    def header(self) -> Header:
        """Decode where nobody has yet: only then is known which files are broken."""
        train, broken = self._decoded("train")
        count = len(train.y)
        if "test" not in self.parts:
            count -= len(held_out(train.y, self.path))
        validation = 0
        if "validation" in self.parts:
            own, more = self._decoded("validation")
            validation, broken = len(own.y), [*broken, *more]
        return Header(
            self.shape,
            len(self.names),
            count,
            validation_examples=validation,
            class_names=self.names,
            notes=tuple(self._notes(broken)),
        )

    def train(self) -> Split:
        """Return the training images, less the test examples where there is no test set."""
        split, _ = self._decoded("train")
        if "test" in self.parts:
            return split
        keep = np.delete(np.arange(len(split.y)), held_out(split.y, self.path))
        return Split(taken(split.x, keep), split.y[keep])

    def validation(self) -> Split:
        """Return the validation images, where the header tells of some."""
        return self._decoded("validation")[0]

    def test(self) -> Split:
        """Return the test images, or what was held out for the test."""
        if "test" in self.parts:
            return self._decoded("test")[0]
        split, _ = self._decoded("train")
        chosen = held_out(split.y, self.path)
        return Split(taken(split.x, chosen), split.y[chosen])

    @property
    def shape(self) -> Shape:
        """(height, width, channels) of all images: image_size, else the first image's."""
        if self._shape is None:
            self._shape = self._first_shape([file for file, _ in self.parts["train"]])
        return self._shape

    def _first_shape(self, files: Sequence[Path]) -> Shape:
        size, channels = self.options.image_size, 0
        for file in files:
            try:
                height, width, channels = pictures.size_and_channels(file)
            except BrokenImage:
                continue  # it is counted when it is decoded
            size = size or (height, width)
            if channels > 1:
                break  # grey images among coloured ones become RGB
        if size is None or not channels:
            raise InputError(f"{self.path}: expected images, found {len(files)} broken files")
        return (*size, channels)

    def _decoded(self, part: str) -> tuple[Split, list[str]]:
        """Return a part and what is broken of it, read once."""
        if part not in self._read:
            self._read[part] = self._decode(part)
        return self._read[part]

    def _decode(self, part: str) -> tuple[Split, list[str]]:
        files: Sequence[Labelled] = self.parts[part]
        fit, size = self.options.fit, self.options.image_size
        sizes = "x".join(map(str, self.shape))
        found = image_cache.decoded(
            files,
            self.shape,
            partial(pictures.decode, shape=self.shape, resize=size is not None, fit=fit),
            name=f"images_{part}_{sizes}{f'_{fit}' if fit else ''}",
            folder=self.path if self.path.is_dir() else self.path.parent,
        )
        labels = [label for index, (_, label) in enumerate(files) if index not in found.broken]
        return Split(found.x, np.array(labels, np.int32)), list(found.broken.values())

    def _notes(self, broken: Sequence[str]) -> list[str]:
        notes = []
        if self.options.image_size:
            how = {"pad": " within a black frame", "crop": ", the middle of them", None: ""}
            height, width, _ = self.shape
            notes.append(f"images are brought to {height}x{width}{how[self.options.fit]}")
        if broken:
            named = "; ".join(broken[:3]) + ("; ..." if len(broken) > 3 else "")
            notes.append(f"warning: {len(broken)} broken files are left out: {named}")
        return notes


FOLDER = Source(
    title="own images",
    open=lambda options: ImageFolder(location(options), options),
    options=("image_size", "fit"),
)
