"""Seconds of a step with images on the device against images streamed from their file; in pairs."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench.training_networks import chain

from mpineat.config import Augment, Training
from mpineat.data import shared_cache
from mpineat.data.reader import Split
from mpineat.data.rows import Rows
from mpineat.phenotype import cost
from mpineat.training import fit, model
from mpineat.training.device_data import DeviceData, scale_of, to_device

CLASSES = 10


def main(argv: Sequence[str]) -> int:
    """Print a line for each network."""
    parser = argparse.ArgumentParser(prog="benchmark.py streaming", description=__doc__)
    parser.add_argument("--images", type=int, default=40_000)
    parser.add_argument("--side", type=int, default=64, help="height and width of the RGB images")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--cold", action="store_true", help="drop the file from the page cache")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        split = _written(path, options.images, options.side)
        print("filters  Mflops  resident ms  streamed ms  streamed/resident")
        for filters in (1, 4, 16):
            print(_compare(split, path, filters, options))
    return 0


def _written(path: Path, images: int, side: int) -> Split:
    """Return noise that lies in a file."""
    rng = np.random.default_rng(0)
    shape = (images, side, side, 3)
    blocks = (rng.integers(0, 256, (1, *shape[1:]), np.uint8) for _ in range(images))
    shared_cache.write_images(path, shape, blocks)
    y = rng.integers(0, CLASSES, images).astype(np.int32)
    return Split(Rows((np.load(path, mmap_mode="r"),)), y)


def _compare(split: Split, path: Path, filters: int, options: argparse.Namespace) -> str:
    layers = [("pool", 2), ("3x3", filters), ("pool", 4)]
    network = chain(tuple(split.x.shape[1:]), CLASSES, layers, [])
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(options.pairs):
        for resident, found in seconds.items():
            if options.cold:
                _drop(path)
            one = to_device(split, scale_of(split.x), resident=resident)
            data = DeviceData(train=one, validation=one, copies=1, augment=Augment())
            history = fit.train(
                model.build(network, 0, portable=False),
                data,
                epochs=options.steps * options.batch_size / len(split.y),
                seed=0,
                batch_size=options.batch_size,
                training=Training(jit_compile="off"),
                validate=False,
            )
            found.append(1000 * history.step_seconds)
    ratio = statistics.median(s / r for r, s in zip(*seconds.values(), strict=True))
    resident, streamed = (statistics.median(found) for found in seconds.values())
    return (
        f"{filters:7}  {cost.flops(network) / 1e6:6.1f}  {resident:11.2f}  {streamed:11.2f}  "
        f"{ratio:17.2f}"
    )


def _drop(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
