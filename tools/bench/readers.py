"""The readers on the real files: counts, means and histograms, then damaged variants of them."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mpineat.config import Dataset
from mpineat.data.dataset import open_dataset
from mpineat.data.reader import Reader, Split
from mpineat.data.readers.cifar import CifarFolder
from mpineat.data.readers.idx import IdxFolder
from mpineat.errors import InputError

# Published: means of the training sets in [0, 1], to the digits that are usually given.
MEANS = {
    "mnist": (0.1307,),
    "fashion_mnist": (0.2860,),
    "cifar10": (0.4914, 0.4822, 0.4465),
    "cifar100": (0.5071, 0.4865, 0.4409),
}


def readers(options: argparse.Namespace) -> Iterator[str]:
    """Yield a line for each data set, then what became of the damaged variants."""
    for pair in options.data:
        name, path = pair.split("=", 1)
        dataset = open_dataset(Dataset(name=name, path=path), options.seed)
        train = Split(
            np.concatenate([dataset.train.x, dataset.validation.x]),
            np.concatenate([dataset.train.y, dataset.validation.y]),
        )
        means = train.x.mean(axis=(0, 1, 2)) / 255
        yield (
            f"{name}: {len(train.y):,} + {len(dataset.test.y):,} images, means "
            f"{' '.join(f'{mean:.4f}' for mean in means)} (published {MEANS.get(name, 'none')}), "
            f"classes {_span(train.y)} training and {_span(dataset.test.y)} test images"
        )
        if name in ("mnist", "cifar10", "cifar100"):
            yield from _damage(name, Path(path), options)


def _span(y: np.ndarray) -> str:
    counts = np.bincount(y)
    return f"{len(counts)} of {counts.min()}-{counts.max()}"


def _damage(name: str, folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Damage the test set's files in turn; count what is refused, and show one message a kind."""
    rng = np.random.default_rng(options.seed)
    kinds = _IDX if name == "mnist" else _CIFAR
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for path in folder.iterdir():
            shutil.copy(path, work)
        reader: Reader = (
            IdxFolder(work, {}) if name == "mnist" else CifarFolder(work, int(name[5:]))
        )
        shown: dict[str, str] = {}
        passed = []
        for index in range(options.variants):
            kind, file, spoil = kinds[index % len(kinds)]
            path = work / file.format("_batch" if name == "cifar10" else "")
            whole = path.read_bytes()
            others = [other for other in work.glob(f"{path.stem}*") if other != path]
            for other in others:  # the unpacked file would be read in place of the packed one
                other.rename(other.with_name("aside"))
            path.write_bytes(spoil(whole, rng, options.record.get(name, 0)))
            try:
                reader.test()
                passed.append(kind)
            except InputError as error:
                shown.setdefault(kind, str(error).replace(str(work), ""))
            path.write_bytes(whole)
            for other in others:
                other.with_name("aside").rename(other)
    refused = options.variants - len(passed)
    yield f"  damaged: {refused} of {options.variants} refused {sorted(set(passed)) or ''}"
    for kind, message in shown.items():
        yield f"    {kind}: {message}"


Spoil = Callable[[bytes, np.random.Generator, int], bytes]


def _cut(content: bytes, rng: np.random.Generator, record: int) -> bytes:
    size = int(rng.integers(0, len(content)))
    # Behind a whole record a file without a header is whole.
    return content[: size - 1 if record and size and size % record == 0 else size]


def _swap(content: bytes, rng: np.random.Generator, _: int) -> bytes:
    """Swap two neighbouring, different bytes of the header."""
    place = int(rng.choice([2, 4, 6]))
    spoilt = bytearray(content)
    spoilt[place : place + 2] = b"\x08\x27"
    return bytes(spoilt)


def _magic(content: bytes, rng: np.random.Generator, _: int) -> bytes:
    return bytes([1, *rng.integers(0, 256, 3).tolist()]) + content[4:]


def _idx_label(content: bytes, rng: np.random.Generator, _: int) -> bytes:
    spoilt = bytearray(content)
    spoilt[int(rng.integers(8, len(content)))] = int(rng.integers(10, 256))
    return bytes(spoilt)


def _flip_packed(content: bytes, rng: np.random.Generator, _: int) -> bytes:
    spoilt = bytearray(content)
    spoilt[int(rng.integers(20, len(content)))] ^= 0xFF
    return bytes(spoilt)


def _cifar_label(content: bytes, rng: np.random.Generator, record: int) -> bytes:
    spoilt = bytearray(content)
    label = record * int(rng.integers(0, len(content) // record)) + record - 3073
    spoilt[label] = int(rng.integers(100, 256))
    return bytes(spoilt)


def _lose(content: bytes, rng: np.random.Generator, _: int) -> bytes:
    place = int(rng.integers(0, len(content)))
    return content[:place] + content[place + 1 :]


_IDX: tuple[tuple[str, str, Spoil], ...] = (
    ("images cut", "t10k-images-idx3-ubyte", _cut),
    ("labels cut", "t10k-labels-idx1-ubyte", _cut),
    ("header bytes swapped", "t10k-images-idx3-ubyte", _swap),
    ("wrong magic", "t10k-images-idx3-ubyte", _magic),
    ("label out of range", "t10k-labels-idx1-ubyte", _idx_label),
    ("packed images cut", "t10k-images-idx3-ubyte.gz", _cut),
    ("packed images flipped", "t10k-images-idx3-ubyte.gz", _flip_packed),
)
_CIFAR: tuple[tuple[str, str, Spoil], ...] = (
    ("cut", "test{}.bin", _cut),
    ("label out of range", "test{}.bin", _cifar_label),
    ("a byte lost", "test{}.bin", _lose),
)
