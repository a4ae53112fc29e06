"""A user's own images: one .npz or HDF5 file with x and y, and with x_test and y_test if any."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mpineat.data.reader import Header, Source, Split, location
from mpineat.errors import InputError

HDF5_SUFFIXES = (".h5", ".hdf5")
TEST_FRACTION = 0.15  # held out where the file has no test set
# Which examples those are depends on the file alone: every run of every seed reports on the same
# test set.
_TEST_SEED = 20


class OwnFile:
    """One file; x is uint8 [n, height, width] or with channels behind, y whole numbers from 0."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise InputError(
                f"{path}: expected a .npz or .h5 file with the arrays x and y, found no file"
            )
        self.path = path

    def header(self) -> Header:
        """Read the labels and the images' shape."""
        with self._open() as arrays:
            shape = self._shape(arrays, "x")
            y = self._labels(arrays, "y", shape[0])
            apart = "x_test" in arrays
        count = len(y) if apart else len(y) - len(_held_out(y))
        return Header(_image_shape(shape), int(y.max()) + 1, count)

    def train(self) -> Split:
        """Read x and y, less the test examples where the file has no test set."""
        with self._open() as arrays:
            split = self._split(arrays, "x", "y")
            if "x_test" in arrays:
                return split
        keep = np.delete(np.arange(len(split.y)), _held_out(split.y))
        return Split(split.x[keep], split.y[keep])

    def test(self) -> Split:
        """Read x_test and y_test, or what was held out for the test."""
        with self._open() as arrays:
            if "x_test" not in arrays:
                split = self._split(arrays, "x", "y")
                chosen = _held_out(split.y)
                return Split(split.x[chosen], split.y[chosen])
            test = self._split(arrays, "x_test", "y_test")
            expected = _image_shape(self._shape(arrays, "x"))
        if test.x.shape[1:] != expected:
            raise InputError(
                f"{self.path}: x_test: expected images of {expected}, found {test.x.shape[1:]}"
            )
        return test

    @contextmanager
    def _open(self) -> Iterator[Mapping[str, Any]]:
        """Give the arrays by name; damage becomes an InputError whenever it shows."""
        try:
            if self.path.suffix in HDF5_SUFFIXES:
                # Some clusters' file systems have no locks, and nobody writes while we read.
                with h5py.File(self.path, "r", locking=False) as content:
                    yield content
            else:
                # allow_pickle=False: an array of objects could run any code.
                with np.load(self.path, allow_pickle=False) as content:
                    if not isinstance(content, np.lib.npyio.NpzFile):
                        raise InputError(
                            f"{self.path}: expected an archive of x and y, found a single array"
                        )
                    yield content
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
            raise InputError(f"{self.path}: expected a whole .npz or .h5 file: {error}") from error

    def _array(self, arrays: Mapping[str, Any], name: str) -> Any:
        if name not in arrays:
            found = ", ".join(sorted(arrays)) or "nothing"
            raise InputError(f"{self.path}: expected an array {name!r}, found {found}")
        return arrays[name]

    def _shape(self, arrays: Mapping[str, Any], name: str) -> tuple[int, ...]:
        if isinstance(arrays, np.lib.npyio.NpzFile):
            shape, dtype = self._npz_header(arrays, name)
        else:
            array = self._array(arrays, name)
            shape, dtype = array.shape, array.dtype
        if dtype != np.uint8 or len(shape) not in (3, 4) or 0 in shape:
            raise InputError(
                f"{self.path}: {name}: expected images as uint8 [n, height, width] or "
                f"[n, height, width, channels], found {dtype} {list(shape)}"
            )
        return shape

    def _npz_header(
        self, arrays: np.lib.npyio.NpzFile, name: str
    ) -> tuple[tuple[int, ...], np.dtype]:
        """Read an array's shape and type without its content, which may be gigabytes."""
        if name not in arrays:
            self._array(arrays, name)
        assert arrays.zip is not None  # it is None once the archive is closed
        with arrays.zip.open(f"{name}.npy") as member:
            version = np.lib.format.read_magic(member)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(member)
        return shape, dtype

    def _labels(self, arrays: Mapping[str, Any], name: str, images: int) -> np.ndarray:
        y = np.asarray(self._array(arrays, name)[...])
        if y.shape == (images, 1):  # Keras's own data sets have this shape
            y = y[:, 0]
        if y.shape != (images,) or y.dtype.kind not in "iu":
            raise InputError(
                f"{self.path}: {name}: expected whole numbers [{images}], one for each image, "
                f"found {y.dtype} {list(y.shape)}"
            )
        classes = int(y.max()) + 1
        if y.min() < 0 or classes < 2 or classes > max(images, 2):
            raise InputError(
                f"{self.path}: {name}: expected labels from 0 to classes - 1, "
                f"found {y.min()} to {y.max()}"
            )
        return y.astype(np.int32)

    def _split(self, arrays: Mapping[str, Any], images: str, labels: str) -> Split:
        shape = self._shape(arrays, images)
        y = self._labels(arrays, labels, shape[0])
        x = np.asarray(self._array(arrays, images)[...])
        return Split(x.reshape(len(x), *_image_shape(shape)), y)


OWN_FILE = Source(title="own data", path="file", open=lambda options: OwnFile(location(options)))


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    height, width, channels = shape[1:] if len(shape) == 4 else (*shape[1:], 1)
    return (height, width, channels)


def _held_out(y: np.ndarray) -> np.ndarray:
    """Return the indices of every class's share of the test set, ascending."""
    rng = np.random.default_rng(_TEST_SEED)
    members = (rng.permutation(np.flatnonzero(y == label)) for label in range(int(y.max()) + 1))
    return np.sort(np.concatenate([own[: round(len(own) * TEST_FRACTION)] for own in members]))
