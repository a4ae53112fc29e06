"""Tiny ImageNet's JPEG files (Stanford CS231N), decoded once into a cache that all ranks share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mpineat.data.reader import (
    Header,
    OfficialFiles,
    Source,
    Split,
    damaged,
    location,
    require_folder,
)
from mpineat.errors import InputError

log = logging.getLogger(__name__)

SHAPE = (64, 64, 3)
JPEG_START = b"\xff\xd8\xff"
CACHE_VARIABLE = "MPINEAT_CACHE"


class TinyImageNet:
    """The first `classes` classes of wnids.txt (None: all) in the official folder layout."""

    def __init__(self, folder: Path, classes: int | None) -> None:
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
        return self._cached("train", list(self._train_files()))

    def test(self) -> Split:
        """Read val/: its labels are published, those of the folder test/ are not."""
        return self._cached("val", list(self._validation_files()))

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

    def _train_files(self) -> Iterator[tuple[Path, int]]:
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

    def _validation_files(self) -> Iterator[tuple[Path, int]]:
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

    def _cached(self, part: str, files: list[tuple[Path, int]]) -> Split:
        """Return the decoded images, mapped from the cache so that processes share one copy."""
        if not files:
            raise InputError(
                f"{self.folder}: expected images of {self.names[0]} in {part}/, found none"
            )
        y = np.array([label for _, label in files], np.int32)
        cache = _cache_folder(self.folder) / f"tiny_imagenet_{part}_{_fingerprint(files)}.npy"
        with _locked(cache.with_suffix(".lock")):
            if not cache.is_file():
                log.info(
                    "decoding %d JPEG files of %s into %s", len(files), self.folder / part, cache
                )
                _decode([path for path, _ in files], cache)
        x = np.load(cache, mmap_mode="r", allow_pickle=False)
        if x.shape != (len(y), *SHAPE) or x.dtype != np.uint8:
            raise InputError(
                f"{cache}: expected uint8 {[len(y), *SHAPE]}, "
                f"found {x.dtype} {list(x.shape)}; remove it"
            )
        return Split(x, y)


TINY_IMAGENET = Source(
    title="Tiny ImageNet",
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


def _fingerprint(files: list[tuple[Path, int]]) -> str:
    """Return 16 digits that change with any file's name, label, size or date."""
    digest = hashlib.sha256()
    for path, label in files:
        try:
            stat = path.stat()
        except OSError as error:
            raise InputError(f"{path}: expected a JPEG file: {error.strerror or error}") from error
        digest.update(f"{path.name} {label} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _cache_folder(folder: Path) -> Path:
    """Return $MPINEAT_CACHE, else the data set's folder if writable, else the user's cache."""
    if named := os.environ.get(CACHE_VARIABLE):
        place = Path(named)
    elif os.access(folder, os.W_OK):
        place = folder
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "mpineat"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{place}: cannot hold the decoded images ({error.strerror}); set {CACHE_VARIABLE}"
        ) from error
    return place


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time in: the first decodes, the others wait and read."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _decode(paths: list[Path], cache: Path) -> None:
    """Write the images as one uint8 array, under another name until it is whole."""
    import tensorflow as tf  # only the training process comes here; rank 0 never does

    partial = cache.with_suffix(f".{os.getpid()}.partial")
    x = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(paths), *SHAPE))
    try:
        for index, path in enumerate(paths):
            content = path.read_bytes()
            if not content.startswith(JPEG_START):
                raise damaged(
                    path,
                    0,
                    "the start of a JPEG file, ff d8 ff",
                    content[:3].hex(" ") or "an empty file",
                )
            try:
                # channels=3 turns grey files into RGB; the accurate transform is the same on every
                # CPU.
                image = tf.io.decode_jpeg(
                    content, channels=3, dct_method="INTEGER_ACCURATE"
                ).numpy()
            except tf.errors.InvalidArgumentError as error:
                raise damaged(
                    path, len(content), "a whole JPEG image", str(error).splitlines()[0]
                ) from error
            if image.shape != SHAPE:
                raise InputError(
                    f"{path}: expected an image of {list(SHAPE)}, found {list(image.shape)}"
                )
            x[index] = image
        x.flush()
        os.replace(partial, cache)
    finally:
        partial.unlink(missing_ok=True)
