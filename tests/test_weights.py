"""Files of weights: whole, checked when they are read, removed when nobody needs them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from mpineat import weights

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "a/bias": np.ones(3, np.float32)}


def test_what_is_written_is_read_in_its_order_and_opens_with_ordinary_tools(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    name = weights.write(folder, ARRAYS)
    found = weights.read(folder, name)
    assert [array.tolist() for array in found] == [array.tolist() for array in ARRAYS.values()]
    file = folder / f"{name}.npz"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == name
    assert list(np.load(file).files) == list(ARRAYS)
    assert weights.write(folder, ARRAYS) == name
    assert len(list(folder.iterdir())) == 1


def test_other_bytes_than_were_written_are_not_read(tmp_path: Path) -> None:
    name = weights.write(tmp_path, ARRAYS)
    file = tmp_path / f"{name}.npz"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    for wrong in (bytes(data), bytes(data[:-1]), b""):
        file.write_bytes(wrong)
        with pytest.raises(weights.Damaged, match="other bytes"):
            weights.read(tmp_path, name)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        weights.read(tmp_path, name)
    os.mkfifo(file)  # would be waited for
    with pytest.raises(weights.Damaged, match="not a regular file"):
        weights.read(tmp_path, name)


def test_what_nobody_needs_is_removed_and_nothing_else(tmp_path: Path) -> None:
    kept, gone = (weights.write(tmp_path, {"a": np.full(3, n)}) for n in (1.0, 2.0))
    (tmp_path / f".{gone}.npz.12.tmp").touch()
    (tmp_path / "notes.txt").touch()
    weights.remove_others(tmp_path, {kept})
    assert {path.name for path in tmp_path.iterdir()} == {f"{kept}.npz", "notes.txt"}
    weights.remove_others(tmp_path / "never written", ())


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        weights.write(tmp_path, ARRAYS)
    assert list(tmp_path.iterdir()) == []
