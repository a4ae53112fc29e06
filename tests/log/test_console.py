"""Where the log's lines go, and what never gets into them."""

from __future__ import annotations

import io
import logging
import re
from pathlib import Path

import pytest

from mpineat.errors import StorageError
from mpineat.log import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


def test_a_batch_log_has_no_control_character_a_terminal_has_a_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console.launcher, "launched", lambda: None)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(
        console.os, "get_terminal_size", lambda _: console.os.terminal_size((40, 9))
    )
    record = logging.LogRecord("mpineat", logging.INFO, "", 0, "a line", None, None)
    texts = []
    for stream in (io.StringIO(), Terminal()):
        handler = console.Console(stream)
        handler.bar(1, 4, "generation 0")
        handler.emit(record)
        handler.clear()
        texts.append(stream.getvalue())
    batch, terminal = texts
    assert batch.endswith("a line\n")
    assert not re.search(r"[^\n\x20-\x7e]", batch)
    assert "[######..................] 1/4" in terminal
    assert terminal.endswith(console.CLEAR)


def test_a_launched_rank_draws_no_bar_even_on_a_pseudo_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "3")
    assert not console.Console(Terminal()).interactive


def test_rank_0_writes_lines_to_its_file_whatever_the_names_in_them(tmp_path: Path) -> None:
    logger = logging.getLogger("mpineat")
    try:
        console.open_log(tmp_path)
        logger.debug("a candidate")
        logger.info("node\x1b[31m\nmpineat: all is well")
    finally:
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()
        logger.propagate = True
    first, second = (tmp_path / "logs" / "rank_0000.log").read_text().splitlines()
    assert first.endswith("a candidate")
    assert second.endswith(r"node\x1b[31m\nmpineat: all is well")


def test_a_log_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "precious").write_text("as it was")
    (tmp_path / "logs" / "rank_0000.log").symlink_to(tmp_path / "precious")
    with pytest.raises(StorageError, match=r"rank_0000\.log: cannot be written: a symbolic link"):
        console.open_log(tmp_path)
    assert (tmp_path / "precious").read_text() == "as it was"
