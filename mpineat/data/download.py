"""Fetching a data set, or saying which files to put where when there is no network."""

from __future__ import annotations

import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from mpineat.data.reader import OfficialFiles, source
from mpineat.errors import InputError, StorageError, extra

RETRIES = 2  # after 1 and 2 seconds: a refused connection or a transfer that was cut


def fetch(name: str, folder: Path) -> Iterator[str]:
    """Bring the files of data set `name` into `folder`; yield a line about each.

    Files that are there already, with the right checksum, are not fetched again.

    Raises:
        InputError: No such data set, or one without official files; no network or no pooch: the
            message says which files to put where.
        StorageError: The folder cannot be written.
    """
    wanted = source(name)
    if wanted.path == "none":
        yield f"{name}: comes with the package, nothing to fetch"
        return
    if wanted.official is None:
        raise InputError(
            f"data set {name!r}: has no official files; dataset.path names the {wanted.path} of "
            "your own"
        )
    yield from fetch_files(wanted.official, folder)
    yield f"ready: dataset.name={name} dataset.path={folder}"


def fetch_files(official: OfficialFiles, folder: Path) -> Iterator[str]:
    """Bring these files into `folder`; yield a line about each. Raises as `fetch`."""
    unpacked = None if official.unpacked is None else folder / official.unpacked
    if unpacked is not None:
        if unpacked.is_file():
            yield f"{unpacked}: there already"
            return
        top = folder / Path(official.unpacked or "").parts[0]
        if top.exists():
            raise InputError(f"{top}: expected with {unpacked}; remove it, then fetch again")
    for file, md5 in official.md5.items():
        path = _get(official, file, folder)
        yield f"{path}: MD5 {md5} as published"
        if unpacked is not None:
            _unpack(path, folder)
            yield f"{unpacked}: unpacked"


def _get(official: OfficialFiles, file: str, folder: Path) -> Path:
    """Return the file, fetched unless it is there with its checksum; a cut one leaves no trace."""
    try:
        with extra("data"):
            import pooch
            import requests
            import tqdm  # noqa: F401  # pooch's progress bar
    except InputError as error:
        raise _by_hand(official, file, folder, error) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = pooch.create(
            path=folder,
            base_url=official.address,
            registry={name: f"md5:{digest}" for name, digest in official.md5.items()},
            retry_if_failed=RETRIES,
        ).fetch(file, progressbar=sys.stderr.isatty())
    except (requests.RequestException, ValueError) as error:  # ValueError: another checksum
        raise _by_hand(official, file, folder, error) from error
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}") from error
    return Path(found)


def _by_hand(official: OfficialFiles, file: str, folder: Path, reason: Exception) -> InputError:
    what = "as they are" if official.unpacked is None else "and unpack it there"
    where = [f"  {official.address}{name}  (MD5 {md5})" for name, md5 in official.md5.items()]
    return InputError(
        f"cannot fetch {official.address}{file}: {' '.join(str(reason).split())}",
        f"where there is no network, put into {folder}, {what}:",
        *where,
    )


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack aside and move into place, so that what has its name is whole."""
    try:
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as aside:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as content:
                    content.extractall(aside)  # never leaves the folder
            else:
                _untar(archive, Path(aside))
            for entry in Path(aside).iterdir():
                entry.rename(folder / entry.name)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{archive}: expected a whole archive: {error}") from error
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror or error}") from error


def _untar(archive: Path, folder: Path) -> None:
    """Unpack plain files and folders alone; a name that leads out of `folder` is refused."""
    with tarfile.open(archive) as content:
        for member in content.getmembers():
            inside = (folder / member.name).resolve().is_relative_to(folder.resolve())
            if not inside or not (member.isfile() or member.isdir()):
                raise InputError(
                    f"{archive}: {member.name}: expected files inside the archive's own folder"
                )
        content.extractall(folder)
