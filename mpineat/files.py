"""Openers, for `open(..., opener=...)`, of files that somebody else may have put there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MODE = 0o664  # whatever the umask says, the world does not write


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
