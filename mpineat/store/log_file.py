"""A log that outlives a full disk: it says once that lines are lost, and goes on when it can."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from io import TextIOWrapper

from mpineat import files
from mpineat.errors import shown


class Steadfast(logging.Handler):
    """A handler that cannot write some lines says so in one; others would print a traceback each.

    Attributes:
        where: What is written to, for that line.
    """

    where = "the log"
    _told = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Say once why lines are lost; a line that is wrong itself is a bug, with its traceback."""
        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, ValueError)):  # ValueError: a stream that was closed
            super().handleError(record)
        else:
            self.lines_lost(error)

    def lines_lost(self, error: Exception) -> None:
        """Say once that `error` costs lines."""
        if self._told:
            return
        self._told = True
        with suppress(OSError, ValueError):  # standard error is gone too
            print(
                f"mpineat: {shown(self.where)} cannot be written, its lines are lost: {error}",
                file=sys.stderr,
                flush=True,
            )


class LogFile(Steadfast, logging.FileHandler):
    """Appends lines to a file of a run directory; never through a link or to a device."""

    def __init__(self, path: str, *, delay: bool = True) -> None:
        """Write to `path`.

        Args:
            delay: Open it with the first line; what is wrong with it costs lines then.

        Raises:
            OSError: It cannot be opened, if not `delay`.
        """
        self.where = path
        super().__init__(path, encoding="utf-8", errors="backslashreplace", delay=delay)

    def _open(self) -> TextIOWrapper:
        return open(
            self.baseFilename, "a", encoding="utf-8", errors=self.errors, opener=files.unlinked
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Append a line."""
        try:
            super().emit(record)
        except OSError:  # the file cannot be opened
            self.handleError(record)
