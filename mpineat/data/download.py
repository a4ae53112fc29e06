"""Fetching a data set, or saying which files to put where when there is no network."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mpineat.data.readers import idx
from mpineat.errors import InputError, StorageError

# Called as Keras's get_file: name of the file, origin, cache_dir, cache_subdir, file_hash,
# hash_algorithm.
GetFile = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set's official files come from.

    Attributes:
        address: Of the folder that holds them.
        files: Name -> published MD5.
        unpacked: A file that exists once an archive is unpacked; None where the files are read as
            they are.
    """

    address: str
    files: dict[str, str]
    unpacked: str | None = None


SOURCES = {
    # The authors' page asks for a password by now; this is the copy that TensorFlow's data sets
    # use.
    "mnist": Source("https://storage.googleapis.com/cvdf-datasets/mnist/", idx.MNIST_MD5),
    "fashion_mnist": Source(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", idx.FASHION_MNIST_MD5
    ),
    "cifar10": Source(
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        "cifar-10-batches-bin/test_batch.bin",
    ),
    "cifar100": Source(
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
        "cifar-100-binary/test.bin",
    ),
    "tiny_imagenet": Source(
        "http://cs231n.stanford.edu/",
        {"tiny-imagenet-200.zip": "90528d7ca1a48142e341f4ef8d21d0de"},
        "tiny-imagenet-200/wnids.txt",
    ),
}


def fetch(name: str, folder: Path, *, get_file: GetFile | None = None) -> Iterator[str]:
    """Bring the files of data set `name` into `folder`; yield a line about each.

    Files that are there already, with the right checksum, are not fetched again.

    Args:
        get_file: In place of Keras's own.

    Raises:
        InputError: An unknown name, or no network: the message says which files to put where.
        StorageError: The folder cannot be written.
    """
    if name == "digits":
        yield "digits: comes with the package, nothing to fetch"
        return
    if name not in SOURCES:
        raise InputError(f"data set {name!r}: expected one of digits, {', '.join(SOURCES)}")
    source = SOURCES[name]
    if source.unpacked is not None and (folder / source.unpacked).is_file():
        yield f"{folder / source.unpacked}: there already"
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}") from error
    get = get_file or _keras_get_file()
    for file, md5 in source.files.items():
        path = _get(get, name, source, file, md5, folder)
        yield f"{path}: MD5 {md5} as published"
        if source.unpacked is not None:
            _unpack(path, folder)
            yield f"{folder / source.unpacked}: unpacked"
    yield f"ready: dataset.name={name} dataset.path={folder}"


def _keras_get_file() -> GetFile:
    from tensorflow import keras  # seconds of import, for this command alone

    return keras.utils.get_file  # type: ignore[no-any-return]


def _get(get: GetFile, name: str, source: Source, file: str, md5: str, folder: Path) -> Path:
    try:
        found = get(
            file,
            origin=source.address + file,
            cache_dir=str(folder),
            cache_subdir="",
            file_hash=md5,
            hash_algorithm="md5",
        )
    except Exception as error:  # Keras raises bare Exceptions for addresses that do not answer
        where = [
            f"  {source.address}{each}  (MD5 {digest})" for each, digest in source.files.items()
        ]
        what = "and unpack it there" if source.unpacked else "as they are"
        reason = " ".join(str(error).split())
        raise InputError(
            f"{name}: cannot fetch {file}: {reason}\n"
            f"where there is no network, put into {folder}, {what}:\n" + "\n".join(where)
        ) from error
    return Path(found)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack; a name that leads out of `folder` is refused."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as content:
                content.extractall(folder)  # never leaves the folder
            return
        with tarfile.open(archive) as content:
            for member in content.getmembers():
                inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
                if not inside or not (member.isfile() or member.isdir()):
                    raise InputError(
                        f"{archive}: {member.name}: expected files inside the archive's own folder"
                    )
            content.extractall(folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{archive}: expected a whole archive: {error}") from error
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}") from error
