"""A log on a full disk costs its lines and one more, not the work."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from mpineat import files
from mpineat.log.console import Console
from mpineat.store.log_file import LogFile


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    one = logging.getLogger("test_log_file")
    one.propagate = False
    yield one
    for handler in one.handlers[:]:
        one.removeHandler(handler)


def test_lines_that_a_full_disk_does_not_take_are_told_of_once(logger, capsys, monkeypatch):
    monkeypatch.setattr(files, "unlinked", os.open)  # which takes no device
    logger.addHandler(LogFile("/dev/full"))
    for number in range(3):
        logger.error("line %d", number)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "/dev/full cannot be written, its lines are lost: [Errno 28] No space left" in said


def test_a_log_that_cannot_be_opened_is_told_of_once(logger, capsys, tmp_path):
    logger.addHandler(LogFile(str(tmp_path / "gone" / "rank_0001.log")))
    for number in range(3):
        logger.error("line %d", number)
    said = capsys.readouterr().err
    assert (said.count("\n"), said.count("No such file")) == (1, 1)


def test_a_log_goes_on_when_there_is_room_again(logger, tmp_path):
    path = tmp_path / "logs" / "rank_0001.log"
    logger.addHandler(LogFile(str(path)))
    logger.error("lost")
    path.parent.mkdir()
    logger.error("written, \udcff and all")
    assert path.read_text() == "written, \\udcff and all\n"


def test_a_console_that_is_full_or_closed_ends_nothing(logger, capsys):
    with open("/dev/full", "w") as full:
        logger.addHandler(Console(full))
        for number in range(3):
            logger.error("line %d", number)
        assert capsys.readouterr().err.count("\n") == 1
        full.close = lambda: None  # its last line cannot be flushed either


def test_a_line_that_is_wrong_itself_shows_where(capsys, tmp_path):
    wrong = logging.LogRecord("x", logging.ERROR, "here.py", 1, "%d", ("no number",), None)
    LogFile(str(tmp_path / "log")).handle(wrong)
    assert "Traceback" in capsys.readouterr().err
