"""CIFAR-10 and CIFAR-100, binary and python versions (Krizhevsky 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mpineat.data import plain_pickle
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
    warn_of_checksum,
)
from mpineat.errors import InputError

SHAPE = (32, 32, 3)
PIXELS = 3072  # three planes R, G, B of 32 x 32, row by row

# Published MD5 sums of the python version's files.
MD5 = {
    10: {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
    100: {"train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
}


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a version of the data set lies on disk.

    Attributes:
        label_bytes: Before the pixels of a binary record; the last of them is the label (CIFAR-100:
            coarse, fine).
        label_key: Of a python batch's dictionary.
    """

    folders: tuple[str, ...]
    train: tuple[str, ...]
    test: str
    label_bytes: int
    label_key: bytes


_LAYOUTS = {
    10: _Layout(
        ("cifar-10-batches-bin", "cifar-10-batches-py"),
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        "test_batch",
        1,
        b"labels",
    ),
    100: _Layout(("cifar-100-binary", "cifar-100-python"), ("train",), "test", 2, b"fine_labels"),
}


class CifarFolder:
    """The files of CIFAR-10 (`classes` 10) or CIFAR-100 (100) in one folder."""

    def __init__(self, folder: Path, classes: int) -> None:
        self.layout = _LAYOUTS[classes]
        require_folder(
            folder,
            f"{self.layout.train[0]}.bin (binary version) or without .bin (python version)",
        )
        self.folder = folder
        self.classes = classes

    def header(self) -> Header:
        """Count the training examples; the binary version tells them by its size."""
        count = 0
        for name in self.layout.train:
            path = self._file(name)
            count += (
                _records(path, path.stat().st_size, self._record)
                if _is_binary(path)
                else len(self._batch(path).y)
            )
        return Header(SHAPE, self.classes, count)

    def train(self) -> Split:
        """Read the training set."""
        parts = [self._batch(self._file(name)) for name in self.layout.train]
        return Split(
            np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])
        )

    def test(self) -> Split:
        """Read the test set."""
        return self._batch(self._file(self.layout.test))

    @property
    def _record(self) -> int:
        return self.layout.label_bytes + PIXELS

    def _file(self, name: str) -> Path:
        path = find_file(self.folder, self.layout.folders, (f"{name}.bin", name))
        if path is None:
            raise InputError(
                f"{self.folder}: expected the file {name}.bin or {name}, found neither"
            )
        return path

    def _batch(self, path: Path) -> Split:
        content = read_bytes(path)
        if _is_binary(path):
            return self._binary(path, content)
        warn_of_checksum(path, MD5[self.classes])
        return self._pickled(path, content)

    def _binary(self, path: Path, content: bytes) -> Split:
        count = _records(path, len(content), self._record)
        records = np.frombuffer(content, np.uint8).reshape(count, self._record)
        last = self.layout.label_bytes - 1
        check_labels(path, records[:, last], self.classes, first=last, stride=self._record)
        return _examples(records[:, self.layout.label_bytes :], records[:, last])

    def _pickled(self, path: Path, content: bytes) -> Split:
        try:
            batch = plain_pickle.read(content)
        except plain_pickle.DamagedPickle as error:
            raise damaged(path, error.offset, "a pickle of arrays", str(error)) from error
        key = self.layout.label_key
        if not isinstance(batch, dict) or b"data" not in batch or key not in batch:
            raise damaged(
                path, 0, f"a dictionary with the keys data and {key.decode()}", _kind(batch)
            )
        pixels, labels = batch[b"data"], batch[key]
        if (
            not isinstance(pixels, np.ndarray)
            or pixels.dtype != np.uint8
            or pixels.shape[1:] != (PIXELS,)
        ):
            raise damaged(path, 0, f"data as uint8 [n, {PIXELS}]", _kind(pixels))
        if (
            not isinstance(labels, list)
            or len(labels) != len(pixels)
            or not all(type(y) is int for y in labels)
        ):
            raise damaged(path, 0, f"{len(pixels)} whole numbers as {key.decode()}", _kind(labels))
        y = np.asarray(labels)
        wrong = np.flatnonzero((y < 0) | (y >= self.classes))
        if wrong.size:
            raise InputError(
                f"{path}: example {wrong[0]}: expected a label below {self.classes}, "
                f"found {y[wrong[0]]}"
            )
        return _examples(pixels, y)


CIFAR10 = Source(
    title="CIFAR-10",
    photographs=True,
    open=lambda options: CifarFolder(location(options), 10),
    official=OfficialFiles(
        address="https://www.cs.toronto.edu/~kriz/",
        md5={"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        unpacked="cifar-10-batches-bin/test_batch.bin",
    ),
)
CIFAR100 = Source(
    title="CIFAR-100",
    photographs=True,
    open=lambda options: CifarFolder(location(options), 100),
    official=OfficialFiles(
        address="https://www.cs.toronto.edu/~kriz/",
        md5={"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
        unpacked="cifar-100-binary/test.bin",
    ),
)


def _is_binary(path: Path) -> bool:
    return path.suffix == ".bin"


def _records(path: Path, size: int, record: int) -> int:
    if size == 0 or size % record:
        raise damaged(
            path,
            size // record * record,
            f"whole records of {record} bytes",
            f"a file of {size} bytes",
        )
    return size // record


def _examples(planes: np.ndarray, labels: np.ndarray) -> Split:
    pixels = planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    x = np.ascontiguousarray(pixels)
    return Split(x, labels.astype(np.int32))


def _kind(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {list(value.shape)}"
    if isinstance(value, dict):
        return f"the keys {', '.join(sorted(repr(key) for key in value))}"
    return (
        f"{type(value).__name__} of {len(value)}"
        if isinstance(value, (list, tuple))
        else type(value).__name__
    )
