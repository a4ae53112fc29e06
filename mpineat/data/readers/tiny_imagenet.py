"""Tiny ImageNet: 64 x 64 JPEG files in the official folders (Stanford CS231N)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mpineat.data import jpeg
from mpineat.data.image_cache import Labelled
from mpineat.data.reader import Header, OfficialFiles, Source, Split, location, require_folder
from mpineat.errors import InputError

SHAPE = (64, 64, 3)


class TinyImageNet:
    """The first `classes` classes of wnids.txt (None: all) in the official folder layout."""

    def __init__(self, folder: Path, classes: int | None) -> None:
        jpeg.require_pillow()
        require_folder(folder, "wnids.txt, train/ and val/")
        if not (folder / "wnids.txt").is_file() and (folder / "tiny-imagenet-200").is_dir():
            folder = folder / "tiny-imagenet-200"
        self.folder = folder
        self.names = self._class_names(classes)

    def header(self) -> Header:
        """Count the training images; none is opened."""
        return Header(SHAPE, len(self.names), sum(1 for _ in self._train_files()))

    def train(self) -> Split:
        """Read train/: label = position of the class in wnids.txt."""
        return self._decoded("train", list(self._train_files()))

    def test(self) -> Split:
        """Read val/: its labels are published, those of the folder test/ are not."""
        return self._decoded("val", list(self._validation_files()))

    def _class_names(self, classes: int | None) -> tuple[str, ...]:
        path = self.folder / "wnids.txt"
        names = tuple(_lines(path))
        if not names or len(set(names)) != len(names):
            raise InputError(
                f"{path}: expected one class name a line, each once, found {len(names)} lines"
            )
        if classes is not None and classes > len(names):
            raise InputError(
                f"{path}: dataset.classes asks for {classes} classes, found {len(names)}"
            )
        return names[:classes]

    def _train_files(self) -> Iterator[Labelled]:
        for label, name in enumerate(self.names):
            folder = self.folder / "train" / name / "images"
            require_folder(folder, "the JPEG files of a class")
            found = sorted(
                entry.name for entry in os.scandir(folder) if entry.name.endswith(".JPEG")
            )
            if not found:
                raise InputError(f"{folder}: expected .JPEG files, found none")
            for file in found:
                yield folder / file, label

    def _validation_files(self) -> Iterator[Labelled]:
        path = self.folder / "val" / "val_annotations.txt"
        labels = {name: label for label, name in enumerate(self.names)}
        for number, line in enumerate(_lines(path), 1):
            fields = line.split("\t")
            if len(fields) < 2:
                raise InputError(
                    f"{path}:{number}: expected FILE, a tab and a class name, found {line!r}"
                )
            if fields[1] in labels:
                yield self.folder / "val" / "images" / fields[0], labels[fields[1]]

    def _decoded(self, part: str, files: list[Labelled]) -> Split:
        if not files:
            raise InputError(
                f"{self.folder}: expected images of {self.names[0]} in {part}/, found none"
            )
        return jpeg.decoded(files, SHAPE, name=f"tiny_imagenet_{part}", folder=self.folder)


TINY_IMAGENET = Source(
    title="Tiny ImageNet",
    photographs=True,
    open=lambda options: TinyImageNet(location(options), options.classes),
    options=("classes",),
    official=OfficialFiles(
        address="http://cs231n.stanford.edu/",
        md5={"tiny-imagenet-200.zip": "90528d7ca1a48142e341f4ef8d21d0de"},
        unpacked="tiny-imagenet-200/wnids.txt",
    ),
)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a text file of Tiny ImageNet: {error}") from error
