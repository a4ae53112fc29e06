"""Where rank 0's log lines go: to its file and to the console, on a terminal above a bar."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mpineat.cluster import launcher
from mpineat.errors import shown
from mpineat.store import directory
from mpineat.store.log_file import LogFile, Steadfast

BAR_WIDTH = 24
CLEAR = "\r\x1b[K"


class _Line(logging.Formatter):
    """One line a record, whatever the names in it hold; a traceback follows on its own lines."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = shown(record.message)
        return super().formatMessage(record)


class Console(Steadfast, logging.StreamHandler):  # type: ignore[type-arg]  # none before 3.11
    """Writes lines, and below them on a terminal a bar; never a control character anywhere else."""

    stream: TextIO
    where = "the console"

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to `stream`, by default standard output: a log is what a batch run is for."""
        super().__init__(stream or sys.stdout)
        self.setFormatter(_Line())
        self._bar = ""
        self.interactive = (
            self.stream.isatty()
            and os.environ.get("TERM", "dumb") != "dumb"
            # Open MPI gives its ranks a pseudo-terminal even when mpirun writes to a file.
            and launcher.launched() is None
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line above the bar."""
        bar = self._bar
        self.clear()
        super().emit(record)
        if bar:
            self._draw(bar)

    def bar(self, done: int, total: int, text: str) -> None:
        """Redraw the bar; does nothing where there is no terminal."""
        if not self.interactive:
            return
        filled = BAR_WIDTH * done // max(1, total)
        bar = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {done}/{total} {text}"
        columns = os.get_terminal_size(self.stream.fileno()).columns
        bar = bar[: max(1, columns - 1)]
        if bar != self._bar:
            self.clear()
            self._draw(bar)

    def clear(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._put(CLEAR)
            self._bar = ""

    def _draw(self, bar: str) -> None:
        self._put(bar)
        self._bar = bar

    def _put(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError) as error:  # the terminal is gone
            self.lines_lost(error)


def open_log(run_dir: Path, *, verbose: bool = False) -> Console:
    """Send rank 0's lines to logs/rank_0000.log and to the console; return that.

    The file holds the candidates' lines; the console shows them only when `verbose`.

    Raises:
        StorageError: The file cannot be written.
    """
    path = run_dir / directory.LOGS / "rank_0000.log"
    with directory.storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = LogFile(str(path), delay=False)
    file.setFormatter(_Line())
    console = listen(verbose=verbose)
    logging.getLogger("mpineat").addHandler(file)
    return console


def listen(*, verbose: bool = False, stream: TextIO | None = None) -> Console:
    """Send log lines to the console, or to `stream` as one, and to nothing else."""
    console = Console(stream)
    console.setLevel(logging.DEBUG if verbose else logging.INFO)
    root = logging.getLogger("mpineat")
    root.setLevel(logging.DEBUG)
    root.propagate = False
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(console)
    return console


@contextmanager
def hushed() -> Iterator[None]:
    """Drop what C libraries write to standard error meanwhile; Python's exceptions still come out.

    TensorFlow 2.21 greets there while it is imported, whatever TF_CPP_MIN_LOG_LEVEL says.
    """
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
