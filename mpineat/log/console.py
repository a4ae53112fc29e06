"""Where log lines go: every rank's to its file, rank 0's to the console too; a terminal's bar."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mpineat.cluster import launcher

FORMAT = logging.Formatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S")
BAR_WIDTH = 24
CLEAR = "\r\x1b[K"


class Console(logging.StreamHandler):  # type: ignore[type-arg]  # takes none before Python 3.11
    """Writes lines, and below them on a terminal a bar; never a control character anywhere else."""

    stream: TextIO

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to `stream`, by default standard output: a log is what a batch run is for."""
        super().__init__(stream or sys.stdout)
        self.setFormatter(FORMAT)
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
            self.stream.write(CLEAR)
            self.stream.flush()
            self._bar = ""

    def _draw(self, bar: str) -> None:
        self.stream.write(bar)
        self.stream.flush()
        self._bar = bar


def open_log(run_dir: Path, rank: int, *, verbose: bool = False) -> Console | None:
    """Send this rank's lines to logs/rank_NNNN.log and rank 0's to the console too; return that.

    The file holds the candidates' lines; the console shows them only when `verbose`.
    """
    folder = run_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    file = logging.FileHandler(folder / f"rank_{rank:04}.log", encoding="utf-8")
    file.setFormatter(FORMAT)
    root = logging.getLogger("mpineat")
    root.setLevel(logging.DEBUG)
    root.propagate = False
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(file)
    return None if rank else listen(verbose=verbose)


def listen(*, verbose: bool = False) -> Console:
    """Send log lines to the console, for a command that keeps no file."""
    console = Console()
    console.setLevel(logging.DEBUG if verbose else logging.INFO)
    root = logging.getLogger("mpineat")
    root.setLevel(logging.DEBUG)
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
