"""Images in the order in which steps ask for them: from the device's memory, or blocks from files.

Both give the same images in the same order, so what is learned from them is the same.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from mpineat.data.rows import Images

_SHUFFLE = 203  # a word of the random generators' keys (see data.py)
BLOCK = 1 << 25  # bytes of images that are read ahead of the steps at once


def epoch_order(examples: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Return a permutation of the examples, padded to whole batches with its beginning."""
    order = np.random.default_rng([seed, _SHUFFLE, epoch]).permutation(examples).astype(np.int32)
    return np.resize(order, -(-examples // batch_size) * batch_size)


class Piece(NamedTuple):
    """Some steps' images: that of position p in the order is x[rows[p - start]]."""

    x: tf.Tensor
    rows: tf.Tensor
    start: int


class Feed(Protocol):
    """The images of an order, piece by piece."""

    def end(self, step: int) -> int:
        """Return the step behind the last one of the piece that holds `step`."""

    def piece(self, step: int) -> Piece:
        """Return the piece that holds `step`; steps are asked for in ascending order."""


class Resident:
    """One piece: all images are on the device."""

    def __init__(self, x: tf.Tensor, order: np.ndarray) -> None:
        self._piece = Piece(x, tf.constant(order, tf.int32), 0)
        self._end = len(order)

    def end(self, step: int) -> int:
        """Return a step behind the last one."""
        return self._end

    def piece(self, step: int) -> Piece:
        """Return all."""
        return self._piece


class Streamed:
    """Blocks of whole steps; while one is used, a thread brings the next to the device."""

    def __init__(self, x: Images, order: np.ndarray, batch_size: int) -> None:
        """Take the order in whole batches."""
        self._x, self._order, self._batch_size = x, order, batch_size
        image_bytes = max(1, x.nbytes // max(1, len(x)))
        self._steps = max(1, BLOCK // (batch_size * image_bytes))
        self._thread = ThreadPoolExecutor(1, "images")
        self._block = -1
        self._coming: Future[Piece] = self._thread.submit(self._read, 0)

    def end(self, step: int) -> int:
        """Return the step behind the last one of the block that holds `step`."""
        return (step // self._steps + 1) * self._steps

    def piece(self, step: int) -> Piece:
        """Return the block that holds `step`, and let the one behind it be read.

        Raises:
            InputError: A file is not there any more, or has become shorter.
        """
        block = step // self._steps
        if block != self._block:
            self._piece = self._read(block) if block != self._block + 1 else self._coming.result()
            self._block = block
            if self.end(step) * self._batch_size < len(self._order):
                self._coming = self._thread.submit(self._read, block + 1)
        return self._piece

    def _read(self, block: int) -> Piece:
        start = block * self._steps * self._batch_size
        wanted = self._order[start : start + self._steps * self._batch_size]
        return Piece(tf.constant(self._x[wanted]), tf.range(len(wanted)), start)
