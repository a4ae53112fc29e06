"""Images that stay in their files until they are looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from mpineat.errors import InputError

READERS = 4  # threads: a disk or a file server answers several requests almost as soon as one
PART = 1 << 24  # bytes of images that are looked at together
_ALONE = 64  # so few requests are not worth threads


class Rows:
    """Some images of mapped arrays, in an order of their own; none is in memory.

    They are read by plain system calls, which the kernel answers from the page cache that all
    processes of a node share. Through the map itself a process would seem to grow by what it has
    looked at, and a file that was cut meanwhile would kill it.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, arrays: Sequence[np.memmap], index: np.ndarray | None = None) -> None:
        """Take whole mapped uint8 arrays of images of one shape.

        Args:
            index: Of the images, counted through all arrays; None: all of them.
        """
        self._arrays = tuple(arrays)
        self._starts = np.cumsum([0, *map(len, arrays)])  # the last one: the end
        self._index = np.arange(self._starts[-1]) if index is None else index

    @property
    def shape(self) -> tuple[int, ...]:
        """[n, height, width, channels]."""
        return (len(self._index), *self._arrays[0].shape[1:])

    @property
    def nbytes(self) -> int:
        """Bytes of all these images."""
        return len(self._index) * self._image_bytes

    @property
    def _image_bytes(self) -> int:
        return int(np.prod(self._arrays[0].shape[1:], dtype=np.int64))

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read the images of a number, a slice or an array of numbers.

        Raises:
            InputError: A file is not there any more, or has become shorter.
        """
        wanted = self._index[key]
        images = self._read(np.atleast_1d(wanted))
        return images if np.ndim(wanted) else images[0]

    def taken(self, index: np.ndarray) -> Rows:
        """Return those of these images, without reading them."""
        return Rows(self._arrays, self._index[index])

    def joined(self, others: Rows) -> Rows:
        """Return these images and the others behind them."""
        index = np.concatenate([self._index, others._index + self._starts[-1]])
        return Rows((*self._arrays, *others._arrays), index)

    def _read(self, wanted: np.ndarray) -> np.ndarray:
        images = np.empty((len(wanted), *self.shape[1:]), np.uint8)
        into = images.reshape(-1).data
        size = self._image_bytes
        array = np.searchsorted(self._starts, wanted, side="right") - 1
        # Neighbours in one array come in one call.
        begins = np.flatnonzero((np.diff(wanted, prepend=-2) != 1) | np.diff(array, prepend=-1))
        ends = np.append(begins, len(wanted))[1:]
        offsets = (wanted - self._starts[array]) * size
        with ExitStack() as stack:
            files = [stack.enter_context(_opened(one)) for one in self._arrays]

            def read(runs: Sequence[tuple[int, int, int, int]]) -> None:
                for number, first, last, at in runs:
                    mapped = self._arrays[number]
                    part = into[first * size : last * size]
                    _fill(files[number], part, mapped.offset + at, mapped)

            columns = (array[begins], begins, ends, offsets[begins])
            runs = list(zip(*(column.tolist() for column in columns), strict=True))
            if len(runs) <= _ALONE:
                read(runs)
            else:
                with ThreadPoolExecutor(READERS) as threads:
                    list(threads.map(read, (runs[first::READERS] for first in range(READERS))))
        return images


Images = np.ndarray | Rows


def taken(x: Images, index: np.ndarray) -> Images:
    """Return some of the images: copies of what is in memory, of what is not no more than which."""
    return x.taken(index) if isinstance(x, Rows) else x[index]


def joined(x: Images, others: Images) -> Images:
    """Return images and others behind them."""
    if isinstance(x, Rows) and isinstance(others, Rows):
        return x.joined(others)
    return np.concatenate([x[:], others[:]])


def parts(x: Images) -> Iterator[np.ndarray]:
    """Yield images in parts of about PART bytes."""
    rows = max(1, PART * len(x) // max(1, x.nbytes))
    for first in range(0, len(x), rows):
        yield x[first : first + rows]


@contextmanager
def _opened(mapped: np.memmap) -> Iterator[int]:
    try:
        handle = os.open(str(mapped.filename), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{mapped.filename}: cannot be read: {error.strerror}") from error
    try:
        yield handle
    finally:
        os.close(handle)


def _fill(handle: int, into: memoryview, offset: int, mapped: np.memmap) -> None:
    while into:
        try:
            count = os.preadv(handle, [into], offset)
        except OSError as error:
            raise InputError(f"{mapped.filename}: cannot be read: {error.strerror}") from error
        if not count:
            raise InputError(
                f"{mapped.filename}: at byte {offset}: expected images, found the end of the file; "
                "it has changed since it was opened"
            )
        into, offset = into[count:], offset + count
