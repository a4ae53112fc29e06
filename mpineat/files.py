"""Files in folders that others may write to: opened without surprises, written whole."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

MODE = 0o664  # whatever the umask says, the world does not write
# File systems that cannot sync a directory say so with one of these; their renames are as durable
# as they get.
_NO_DIRECTORY_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


class Foreign(OSError):
    """A link, a FIFO, a device or a folder where a file was expected; strerror says which."""


def regular(path: str, flags: int) -> int:
    """Open a regular file; a FIFO, which would be waited for, or a device is refused.

    Raises:
        Foreign: It is none.
        OSError: It cannot be opened.
    """
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, MODE)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Foreign(errno.EINVAL, "not a regular file", path)
    return handle


def unlinked(path: str, flags: int) -> int:
    """Open a file of a run directory: as `regular`, but never through a symbolic link.

    Who may write to the directory could otherwise have the run append to any file of its user.
    """
    try:
        return regular(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP and os.path.islink(path):
            raise Foreign(errno.ELOOP, "a symbolic link, which a run never makes", path) from error
        raise


def read(path: Path) -> bytes:
    """Return the content of a file of a run directory. Raises as `unlinked`."""
    with open(path, "rb", opener=unlinked) as file:
        return file.read()


def write_whole(path: Path, *parts: bytes) -> None:
    """Put a file at `path`, whole or not at all, and on the disk before returning.

    Raises:
        OSError: The disk is full or read-only; what was there is untouched.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(beside, "wb", opener=unlinked) as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(handle)
