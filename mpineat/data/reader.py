"""What a reader is and offers, and the errors and file searches that readers share."""

from __future__ import annotations

import gzip
import hashlib
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from mpineat import config, registry
from mpineat.data.conversion import AS_IT_IS, Conversion
from mpineat.data.rows import Images
from mpineat.errors import InputError

log = logging.getLogger(__name__)

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Header:
    """What can be known of a data set before its images are read.

    Attributes:
        shape: (height, width, channels) of every image.
        train_examples: In the whole training set, before any split.
        validation_examples: Of a validation set of its own; 0: it is split off the training set.
        class_names: By label; () where classes are only numbered.
        notes: What was made of the user's files, a line each.
        conversion: How the user's values became uint8.
    """

    shape: tuple[int, int, int]
    classes: int
    train_examples: int
    validation_examples: int = 0
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    conversion: Conversion = AS_IT_IS


@dataclass(frozen=True, slots=True)
class Split:
    """Images with their labels.

    Attributes:
        x: uint8 [n, height, width, channels]; Rows where there are more than memory should hold.
        y: int32 [n], from 0.
    """

    x: Images
    y: np.ndarray


class Reader(Protocol):
    """A data set on disk. Every method raises InputError for files that are missing or damaged."""

    def header(self) -> Header:
        """Read only as much as describes the data set."""

    def train(self) -> Split:
        """Read the training set."""

    def test(self) -> Split:
        """Read the test set."""


class ValidatedReader(Reader, Protocol):
    """A reader whose header may tell of a validation set of its own."""

    def validation(self) -> Split:
        """Read the validation set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialFiles:
    """What `mpineat data` fetches.

    Attributes:
        address: Of the folder that holds them.
        md5: File name -> published MD5.
        unpacked: A file that exists once an archive is unpacked; None where the files are read as
            they are.
    """

    address: str
    md5: Mapping[str, str]
    unpacked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set that `dataset.name` may name: what the registry's kind "reader" holds.

    Attributes:
        title: In tables and on pages.
        open: Gives the reader; raises InputError for files that are not there.
        path: What dataset.path is for it.
        options: Which of `config.Dataset.OF_SOME_READERS` it takes.
        official: None where there is nothing to fetch.
        photographs: Whether what is mirrored or shifted a little is another such image: so for
            photographs of things, not for digits or letters.
    """

    title: str
    open: Callable[[config.Dataset], Reader]
    path: Literal["none", "folder", "file"] = "folder"
    options: tuple[str, ...] = ()
    official: OfficialFiles | None = None
    photographs: bool = False


def source(name: str) -> Source:
    """Return what stands behind `dataset.name`.

    Raises:
        InputError: An unknown name, or an installed package whose object is no Source.
    """
    found = registry.load("reader", name)
    if not isinstance(found, Source):
        raise InputError(
            f"reader {name!r}: expected a mpineat.data.reader.Source from the installed package "
            f"that names it, found {type(found).__name__}"
        )
    return found


def location(options: config.Dataset) -> Path:
    """Return dataset.path with the user's ~; for readers whose Source asks for a path."""
    assert options.path is not None  # data.dataset has made sure
    return Path(options.path).expanduser()


def damaged(path: Path, offset: int, expected: str, found: str) -> InputError:
    """Return the error for bytes that are not what the format says."""
    return InputError(f"{path}: at byte {offset}: expected {expected}, found {found}")


def find_file(folder: Path, inside: Iterable[str], names: Iterable[str]) -> Path | None:
    """Return the first of `names` in `folder` or its sub-folders `inside`; None without one."""
    names = tuple(names)
    for place in (folder, *(folder / name for name in inside)):
        for name in names:
            if (place / name).is_file():
                return place / name
    return None


def require_folder(folder: Path, wanted: str) -> None:
    """Raise InputError unless `folder` is one; `wanted` says what it should hold."""
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise InputError(
            f"{folder}: expected a folder with {wanted}, found {found} (set dataset.path)"
        )


def read_bytes(path: Path) -> bytes:
    """Return the content of a file, unpacked when it is gzip.

    Raises:
        InputError: The file cannot be read, or its gzip stream is cut off or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not content:
        raise damaged(path, 0, "a data set file", "an empty file")
    if not content.startswith(GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise damaged(path, len(content), "the end of a whole gzip stream", str(error)) from error


def check_labels(
    path: Path, labels: np.ndarray, classes: int, *, first: int = 0, stride: int = 1
) -> None:
    """Raise InputError at the first label outside [0, classes).

    Args:
        first, stride: Byte offset of the first label and distance between labels, for the message.
    """
    wrong = np.flatnonzero(labels >= classes)
    if wrong.size:
        index = int(wrong[0])
        raise damaged(
            path,
            first + index * stride,
            f"a label below {classes}",
            f"{int(labels[index])} (example {index})",
        )


def warn_of_checksum(path: Path, published: Mapping[str, str]) -> None:
    """Log a warning when the file's MD5 is not the `published` one for its name."""
    expected = published.get(path.name)
    if expected is None:
        return
    with path.open("rb") as file:
        found = (
            hashlib.file_digest(file, "md5").hexdigest()
            if hasattr(hashlib, "file_digest")
            else _md5(file.read())
        )
    if found != expected:
        log.warning("%s: MD5 %s differs from the published %s", path, found, expected)


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()
