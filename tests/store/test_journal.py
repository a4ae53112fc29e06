"""The journal: nothing acknowledged is lost, nothing comes twice, nothing damaged is believed."""

from __future__ import annotations

import os
import random
import re
import zlib
from pathlib import Path

import pytest

from mpineat.errors import StorageError
from mpineat.store import directory, journal
from mpineat.store.journal import Entries, Journal, Lines
from mpineat.wire import LARGEST
from tests.evaluations import candidate
from tests.store.examples import outcomes


def lines(run_dir: Path) -> list[bytes]:
    """Return the lines of the journal."""
    return (run_dir / directory.JOURNAL).read_bytes().split(b"\n")


def filled(run_dir: Path, generation: int = 0) -> Path:
    """Append three outcomes of one generation and return the journal's path."""
    with Journal(run_dir, "run") as book:
        for outcome in outcomes(3 * generation):
            book.append(generation, outcome)
    return run_dir / directory.JOURNAL


def sealed(line: bytes) -> bytes:
    """Return the line with the checksum of what it holds now."""
    start, middle = b'{"crc32":"', b'",'
    rest = line[len(start) + 8 + len(middle) :]
    return b"%b%08x%b%b" % (start, zlib.crc32(rest), middle, rest)


def test_entries_come_back_equal_and_in_order(tmp_path: Path) -> None:
    with Journal(tmp_path, "run") as book:
        book.append(0, candidate(0))
        for outcome in reversed(outcomes()):
            book.append(0, outcome)
        book.append(1, outcomes(3)[0])
    found = journal.read(tmp_path)
    assert found.of(0).outcomes == outcomes()[::-1]
    assert found.of(0).candidates == (candidate(0),)
    assert found.of(1).outcomes == outcomes(3)[:1]
    assert found.of(2).entries == ()


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert journal.read(tmp_path) == Lines(())


def test_every_torn_line_is_cut_off_before_the_next_is_written(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for cut in (start, start + 1, start + 12, (start + len(whole)) // 2, len(whole) - 2):
        path.write_bytes(whole[:cut])
        assert journal.read(tmp_path).damaged == ()
        with Journal(tmp_path, "run") as book:
            assert book.of(0).outcomes == outcomes()[:2]
            book.append(0, outcomes()[2])
        assert path.read_bytes() == whole


def test_a_last_line_that_lacks_its_line_feed_alone_is_kept(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with Journal(tmp_path, "run") as book:
        assert book.of(0).outcomes == outcomes()
    assert path.read_bytes() == whole


def test_a_damaged_line_is_named_and_left_out(tmp_path: Path) -> None:
    path = filled(tmp_path)
    first, second, third, end = lines(tmp_path)
    path.write_bytes(b"\n".join((first, second.replace(b"node01", b"node02"), third, end)))
    found = journal.read(tmp_path).of(0)
    assert found.outcomes == (outcomes()[0], outcomes()[2])
    assert found.damaged == (f"{path}:2: damaged: what it held is evaluated again",)


def test_no_flipped_bit_or_truncation_makes_a_wrong_outcome(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    rng = random.Random(1)
    for trial in range(1000):
        damaged = bytearray(whole)
        if trial % 4:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(whole)) :]
        path.write_bytes(damaged)
        found = journal.read(tmp_path).of(0).outcomes
        assert set(map(repr, found)) <= set(map(repr, outcomes()))
        # A flipped line feed glues two lines together; any other flip costs one.
        assert trial % 4 == 0 or len(found) >= 1


def test_fold_takes_a_generation_out_and_keeps_it_once_more(tmp_path: Path) -> None:
    filled(tmp_path, 0)
    with Journal(tmp_path, "run") as book:
        book.fold(0)
        assert lines(tmp_path) == [b""]
        assert book.of(0).outcomes == outcomes()  # for the case that its file is lost
        book.append(1, outcomes(3)[0])
        book.fold(1)
        assert book.of(0).outcomes == ()
        assert book.of(1).outcomes == outcomes(3)[:1]


def test_fold_keeps_what_later_generations_hold(tmp_path: Path) -> None:
    """After the loss of a generation's file the journal is a generation ahead of the search."""
    filled(tmp_path, 1)
    with Journal(tmp_path, "run") as book:
        book.fold(0)
        assert book.of(1).outcomes == outcomes(3)


@pytest.mark.parametrize("written", [0, 1])
def test_a_crash_within_fold_neither_loses_nor_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    filled(tmp_path, 0)
    filled(tmp_path, 1)
    write_durably = directory.write_durably
    calls = []

    def crash(path: Path, *parts: bytes) -> None:
        if len(calls) == written:
            raise KeyboardInterrupt
        calls.append(path)
        write_durably(path, *parts)

    with Journal(tmp_path, "run") as book:
        monkeypatch.setattr(directory, "write_durably", crash)
        with pytest.raises(KeyboardInterrupt):
            book.fold(0)
    monkeypatch.undo()
    for generation in (0, 1):
        assert journal.read(tmp_path).of(generation).outcomes == outcomes(3 * generation)
    with Journal(tmp_path, "run") as book:
        book.fold(0)
        assert book.of(1).outcomes == outcomes(3)


def fill_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave room for a part of a line only."""
    write = os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) < 40:
            raise OSError(28, os.strerror(28))
        return write(handle, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half)


def test_a_full_disk_leaves_whole_lines_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    with Journal(tmp_path, "run") as book:
        fill_disk(monkeypatch)
        with pytest.raises(
            StorageError, match=r"journal\.jsonl: .*No space left on device.*--resume"
        ):
            book.append(1, outcomes(3)[0])
        monkeypatch.undo()
        assert path.read_bytes() == whole
        book.append(1, outcomes(3)[0])
    assert journal.read(tmp_path).of(0).outcomes == outcomes()
    assert journal.read(tmp_path).of(1).outcomes == outcomes(3)[:1]


def test_the_guard_forbids_writing(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()

    def guard() -> None:
        raise StorageError("taken over")

    with Journal(tmp_path, "run", guard) as book:
        with pytest.raises(StorageError):
            book.append(0, outcomes()[0])
        with pytest.raises(StorageError):
            book.fold(0)
    assert path.read_bytes() == whole


def test_each_line_is_json_that_names_generation_and_kind(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    assert (
        b'"version":2,"run":"run","generation":1,"kind":"outcome","value":{"candidate":3'
        in lines(tmp_path)[0]
    )


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"accuracy":0.5', b'"accuracy":50.0', "not an outcome: accuracy: "),
        (b'"rank":1', b'"rank":"1"', "not an outcome: rank: "),
        (b'"rank":1', b'"rank":1,"further":2', "not an outcome: further: "),
        (b'"host":"node01"', b'"host":' + b"[" * 5000, "not an outcome: Invalid JSON"),
        (b'"version":2,', b'"version":3,', r"written by another mpineat \(version 3, not 2\)"),
        (b'"version":2,', b'"version":2.0,', "damaged"),
        (b'"kind":"outcome"', b'"kind":"function"', "damaged"),
        (
            b'"version":2,',
            b"",
            "not an outcome: accuracy: .*",
        ),
    ],
)
def test_a_hostile_line_costs_that_line_alone(tmp_path: Path, old, new, why) -> None:
    path = filled(tmp_path)
    first, second, third, end = lines(tmp_path)
    if not new:  # a line of earlier times, as hostile
        second = second.replace(b'"accuracy":0.5', b'"accuracy":50.0')
    path.write_bytes(b"\n".join((first, sealed(second.replace(old, new, 1)), third, end)))
    found = journal.read(tmp_path).of(0)
    assert found.outcomes == (outcomes()[0], outcomes()[2])
    (said,) = found.damaged
    assert re.match(f"{path}:2: {why}", said)
    assert "\n" not in said


def test_a_line_larger_than_any_value_is_refused_unread(tmp_path: Path) -> None:
    path = filled(tmp_path)
    first, second, *rest = lines(tmp_path)
    large = sealed(second.replace(b'"detail":""', b'"detail":"' + b"x" * LARGEST + b'"'))
    path.write_bytes(b"\n".join((first, large, *rest)))
    found = journal.read(tmp_path).of(0)
    assert found.outcomes == (outcomes()[0], outcomes()[2])
    assert "more than" in found.damaged[0]


def test_lines_of_another_run_are_named_once_left_out_and_not_kept(tmp_path: Path) -> None:
    with Journal(tmp_path, "other") as book:
        for outcome in outcomes():
            book.append(0, outcome)
    with Journal(tmp_path, "run") as book:
        book.append(0, outcomes()[1])
        found = book.of(0)
        assert found.outcomes == outcomes()[1:2]
        (said,) = found.damaged
        assert "journal.jsonl:1: 3 lines of another run (other): left out" in said
        assert journal.read(tmp_path).run_ids == ("other", "run")
        book.fold(0)
    assert journal.read(tmp_path).run_ids == ("run",)


def test_lines_of_before_they_named_their_run_are_read(tmp_path: Path) -> None:
    path = filled(tmp_path)
    named = lines(tmp_path)[:-1]
    path.write_bytes(b"".join(sealed(line.replace(b'"run":"run",', b"")) + b"\n" for line in named))
    with Journal(tmp_path, "run") as book:
        assert book.of(0) == Entries(outcomes())


@pytest.mark.parametrize("torn", [0, 10])
def test_lines_that_another_process_adds_cost_themselves_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: int
) -> None:
    directory.create(tmp_path / "another")
    with Journal(tmp_path / "another", "another") as book:
        book.append(0, outcomes(3)[0])
    theirs = lines(tmp_path / "another")[0]
    with Journal(tmp_path, "own") as book:
        book.append(0, outcomes()[0])
        with (tmp_path / directory.JOURNAL).open("ab") as file:
            file.write(theirs[: len(theirs) - torn] + b"\n" * (not torn))
        book.append(0, outcomes()[1])
        whole = (tmp_path / directory.JOURNAL).read_bytes()
        fill_disk(monkeypatch)
        with pytest.raises(StorageError, match="No space left"):
            book.append(0, outcomes()[2])
        monkeypatch.undo()
        assert (tmp_path / directory.JOURNAL).read_bytes() == whole
        assert book.of(0).outcomes == outcomes()[:2]
        assert len(book.of(0).damaged) == (not torn)


def test_a_journal_that_is_taken_away_ends_the_run(tmp_path: Path) -> None:
    with Journal(tmp_path, "run") as book:
        book.append(0, outcomes()[0])
        (tmp_path / directory.JOURNAL).unlink()
        with pytest.raises(StorageError, match="removed or replaced while this run wrote to it"):
            book.append(0, outcomes()[1])
