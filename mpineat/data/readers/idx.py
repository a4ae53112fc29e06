"""The idx files of MNIST (LeCun 1998), Fashion-MNIST (Xiao 2017) and KMNIST (Clanuwat 2018)."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np

from mpineat.data.reader import (
    GZIP_MAGIC,
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
    warn_of_checksum,
)
from mpineat.errors import InputError

CLASSES = 10
IMAGES, LABELS = 0x0803, 0x0801  # two zero bytes, 8 = unsigned bytes, number of dimensions

# Published MD5 sums of the packed files; all data sets use the same names.
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
FASHION_MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
KMNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
    "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
    "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
    "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
}


class IdxFolder:
    """The four idx files of one folder, packed (.gz) or not."""

    def __init__(self, folder: Path, published: dict[str, str]) -> None:
        require_folder(
            folder, "train-images-idx3-ubyte and its three companions, packed (.gz) or not"
        )
        self.folder = folder
        self.published = published

    def header(self) -> Header:
        """Read the first bytes of the training images."""
        path = self._file("train-images-idx3-ubyte")
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
        try:
            with gzip.open(path) if packed else path.open("rb") as file:
                start = file.read(16)
        except (OSError, EOFError) as error:
            raise damaged(path, 0, "a whole gzip stream", str(error)) from error
        count, height, width = _dimensions(path, start, IMAGES)
        if not packed:
            _check_size(path, path.stat().st_size, (count, height, width))
        return Header((height, width, 1), CLASSES, count)

    def train(self) -> Split:
        """Read the training set."""
        return self._examples("train")

    def test(self) -> Split:
        """Read the test set."""
        return self._examples("t10k")

    def _file(self, name: str) -> Path:
        # Some mirrors unpack to "train-images.idx3-ubyte".
        names = [n + packed for n in (name, name.replace("-idx", ".idx")) for packed in ("", ".gz")]
        path = find_file(self.folder, ("raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw"), names)
        if path is None:
            raise InputError(f"{self.folder}: expected the file {name} or {name}.gz, found neither")
        return path

    def _examples(self, part: str) -> Split:
        images, labels = (
            self._file(f"{part}-images-idx3-ubyte"),
            self._file(f"{part}-labels-idx1-ubyte"),
        )
        x, y = self._array(images, IMAGES), self._array(labels, LABELS)
        if len(x) != len(y):
            raise damaged(
                labels, 4, f"as many labels as {images.name} has images, {len(x)}", str(len(y))
            )
        check_labels(labels, y, CLASSES, first=8)
        return Split(x[..., None], y.astype(np.int32))

    def _array(self, path: Path, magic: int) -> np.ndarray:
        warn_of_checksum(path, self.published)
        content = read_bytes(path)
        dimensions = _dimensions(path, content, magic)
        _check_size(path, len(content), dimensions)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(dimensions)).reshape(dimensions)


MNIST = Source(
    title="MNIST",
    open=lambda options: IdxFolder(location(options), MNIST_MD5),
    # The authors' page asks for a password by now; this is the copy that TensorFlow's data sets
    # use.
    official=OfficialFiles(
        address="https://storage.googleapis.com/cvdf-datasets/mnist/", md5=MNIST_MD5
    ),
)
FASHION_MNIST = Source(
    title="Fashion-MNIST",
    open=lambda options: IdxFolder(location(options), FASHION_MNIST_MD5),
    official=OfficialFiles(
        address="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        md5=FASHION_MNIST_MD5,
    ),
)
KMNIST = Source(
    title="Kuzushiji-MNIST",
    open=lambda options: IdxFolder(location(options), KMNIST_MD5),
    official=OfficialFiles(address="http://codh.rois.ac.jp/kmnist/dataset/kmnist/", md5=KMNIST_MD5),
)


def _dimensions(path: Path, start: bytes, magic: int) -> tuple[int, ...]:
    """Return the extents that an idx header states."""
    rank = magic & 0xFF
    if len(start) < 4 + 4 * rank:
        raise damaged(path, len(start), f"a header of {4 + 4 * rank} bytes", "the end of the file")
    found = int.from_bytes(start[:4], "big")
    if found != magic:
        hint = {IMAGES: "an image file", LABELS: "a label file"}.get(found, "another format")
        raise damaged(path, 0, f"the magic number 0x{magic:08x}", f"0x{found:08x} ({hint})")
    dimensions = struct.unpack(f">{rank}I", start[4 : 4 + 4 * rank])
    for axis, extent in enumerate(dimensions):
        if not 1 <= extent < 2**31 or (axis > 0 and extent > 4096):
            raise damaged(path, 4 + 4 * axis, "a sensible extent", str(extent))
    return dimensions


def _check_size(path: Path, size: int, dimensions: tuple[int, ...]) -> None:
    expected = 4 + 4 * len(dimensions) + math.prod(dimensions)
    if size != expected:
        raise damaged(
            path, min(size, expected), f"{expected} bytes for {list(dimensions)}", f"{size} bytes"
        )
