"""Weights of trained networks as files: named by their content, checked by it when they are read.

A child process writes them where its training has ended, another one of any rank reads them, and
rank 0 removes what no living network needs. They are numpy's .npz without pickle, which opens with
`numpy.load`; the name is the SHA-256 of the file.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpineat import files

_FILE = re.compile(r"([0-9a-f]{64})\.npz|\..+\.tmp")  # a killed writer leaves the latter
MODE = 0o775  # of the folder; the world does not write


class Damaged(Exception):
    """A file whose bytes are not those that its name stands for."""


def write(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write the arrays in their order, whole or not at all, and durably; return the file's name.

    Raises:
        OSError: The disk is full or read-only.
    """
    content = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(content, **named)
    data = content.getvalue()
    name = hashlib.sha256(data).hexdigest()
    folder.mkdir(MODE, parents=True, exist_ok=True)
    files.write_whole(path(folder, name), data)
    return name


def read(folder: Path, name: str) -> tuple[NDArray[Any], ...]:
    """Return the arrays of a file in their order.

    Raises:
        FileNotFoundError: It is not there.
        Damaged: It holds something else than was written.
        OSError: It cannot be read.
    """
    try:
        data = files.read(path(folder, name))
    except files.Foreign as error:
        raise Damaged(f"{path(folder, name)}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != name:
        raise Damaged(f"{path(folder, name)}: other bytes than its name stands for")
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        return tuple([found[key] for key in found.files])


def path(folder: Path, name: str) -> Path:
    """Return where the file of this name lies."""
    return folder / f"{name}.npz"


def remove_others(folder: Path, needed: Collection[str]) -> None:
    """Remove the weights that are not needed, and what killed writers left half written.

    Raises:
        OSError: The folder cannot be listed, or a file cannot be removed.
    """
    with suppress(FileNotFoundError):
        for name in os.listdir(folder):
            match = _FILE.fullmatch(name)
            if match and match[1] not in needed:
                (folder / name).unlink(missing_ok=True)
