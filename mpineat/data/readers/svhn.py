"""Street View House Numbers, cropped digits (Netzer et al. 2011), in MATLAB's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mpineat.data import array_cache, images, labels, matlab5
from mpineat.data.conversion import AS_IT_IS
from mpineat.data.reader import (
    Header,
    OfficialFiles,
    Source,
    Split,
    location,
    require_folder,
    warn_of_checksum,
)
from mpineat.errors import InputError

CLASSES = 10
SHAPE = (32, 32, 3)
MD5 = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}


class SvhnFolder:
    """The two files train_32x32.mat and test_32x32.mat."""

    def __init__(self, folder: Path) -> None:
        require_folder(folder, "train_32x32.mat and test_32x32.mat")
        self.folder = folder

    def header(self) -> Header:
        """Read the training labels."""
        with matlab5.opened(self._file("train")) as container:
            return Header(SHAPE, CLASSES, container.array("y").whole().size)

    def train(self) -> Split:
        """Read the training set."""
        return self._examples("train")

    def test(self) -> Split:
        """Read the test set."""
        return self._examples("test")

    def _file(self, part: str) -> Path:
        path = self.folder / f"{part}_32x32.mat"
        if not path.is_file():
            raise InputError(f"{path}: expected this file of SVHN, found none")
        return path

    def _examples(self, part: str) -> Split:
        path = self._file(part)
        warn_of_checksum(path, MD5)
        with matlab5.opened(path) as container:
            x = container.array("X")
            layout = images.layout(x, channels=None, size=None, column_major=True)
            if layout.shape != SHAPE or x.dtype != np.uint8:
                raise InputError(
                    f"{x.place}: expected uint8 {list(SHAPE)}, found {x.dtype} {list(layout.shape)}"
                )
            stored = container.array("y")
            y = labels.flat(stored.whole(), layout.examples, stored.place).astype(np.int64)
            if y.min() < 1 or y.max() > CLASSES:
                raise InputError(
                    f"{stored.place}: expected labels from 1 to 10, found {y.min()} to {y.max()}"
                )
            # 10 stands for the digit 0.
            return Split(array_cache.images(x, layout, AS_IT_IS), (y % CLASSES).astype(np.int32))


SVHN = Source(
    title="SVHN",
    open=lambda options: SvhnFolder(location(options)),
    official=OfficialFiles(address="http://ufldl.stanford.edu/housenumbers/", md5=MD5),
)
