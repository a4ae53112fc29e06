"""STL-10 (Coates et al. 2011), binary version: the labelled images of 96 x 96 pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mpineat.data.reader import (
    Header,
    OfficialFiles,
    Source,
    Split,
    check_labels,
    damaged,
    find_file,
    location,
    read_bytes,
    require_folder,
)
from mpineat.errors import InputError

CLASSES = 10
SHAPE = (96, 96, 3)
PIXELS = 96 * 96 * 3  # three planes R, G, B, each column by column


class Stl10Folder:
    """The labelled images, train_X.bin and test_X.bin, with their labels."""

    def __init__(self, folder: Path) -> None:
        require_folder(folder, "train_X.bin, train_y.bin, test_X.bin and test_y.bin")
        self.folder = folder

    def header(self) -> Header:
        """Count the training images by their file's size."""
        path = self._file("train_X.bin")
        count = _images(path, path.stat().st_size)
        return Header(SHAPE, CLASSES, count, class_names=self._names())

    def train(self) -> Split:
        """Read the training set."""
        return self._examples("train")

    def test(self) -> Split:
        """Read the test set."""
        return self._examples("test")

    def _file(self, name: str) -> Path:
        path = find_file(self.folder, ("stl10_binary",), (name,))
        if path is None:
            raise InputError(f"{self.folder}: expected the file {name}, found none")
        return path

    def _names(self) -> tuple[str, ...]:
        path = find_file(self.folder, ("stl10_binary",), ("class_names.txt",))
        if path is None:
            return ()
        names = tuple(read_bytes(path).decode("utf-8", "replace").split())
        return names if len(names) == CLASSES else ()

    def _examples(self, part: str) -> Split:
        path, beside = self._file(f"{part}_X.bin"), self._file(f"{part}_y.bin")
        content = read_bytes(path)
        planes = np.frombuffer(content, np.uint8).reshape(_images(path, len(content)), 3, 96, 96)
        y = np.frombuffer(read_bytes(beside), np.uint8) - np.uint8(1)  # they begin at 1
        if len(y) != len(planes):
            raise damaged(beside, 0, f"{len(planes)} labels as {path.name} has images", str(len(y)))
        check_labels(beside, y, CLASSES)
        return Split(np.ascontiguousarray(planes.transpose(0, 3, 2, 1)), y.astype(np.int32))


STL10 = Source(
    title="STL-10",
    photographs=True,
    open=lambda options: Stl10Folder(location(options)),
    official=OfficialFiles(
        address="http://ai.stanford.edu/~acoates/stl10/",
        md5={"stl10_binary.tar.gz": "91f7769df0f17e558f3565bffb0c7dfb"},
        unpacked="stl10_binary/test_X.bin",
    ),
)


def _images(path: Path, size: int) -> int:
    if not size or size % PIXELS:
        raise damaged(path, size, f"whole images of {PIXELS} bytes", f"a file of {size} bytes")
    return size // PIXELS
