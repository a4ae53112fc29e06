"""Damaged generation files are refused, named and stepped over; nothing wrong is ever believed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from mpineat import store
from mpineat.errors import InputError
from mpineat.store import directory, hdf5
from tests.store.examples import run


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_in_seal(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(hdf5.SEAL_BYTES)] ^= 1 << rng.randrange(8)


def truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def swap_sectors(data: bytearray, rng: random.Random) -> None:
    """What a confused disk does; the first sector is the seal, the second HDF5's superblock."""
    one, other = (512 * place for place in rng.sample(range(8), 2))
    first, second = data[one : one + 512], data[other : other + 512]
    data[one : one + 512], data[other : other + 512] = second, first


def lengthen(data: bytearray, rng: random.Random) -> None:
    data += rng.randbytes(rng.randrange(1, 2000))


@pytest.mark.parametrize("damage", [flip, flip_in_seal, truncate, swap_sectors, lengthen])
def test_whatever_is_damaged_is_refused(
    tmp_path: Path, damage: Callable[[bytearray, random.Random], None]
) -> None:
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    whole = path.read_bytes()
    rng = random.Random(1)
    for _ in range(250):
        data = bytearray(whole)
        damage(data, rng)
        path.write_bytes(data)
        if data != whole:  # equal sectors may have been swapped
            with pytest.raises(store.Damaged, match=r"generation_0000\.h5: damaged"):
                store.read(path)
    path.write_bytes(whole)
    store.read(path)


def test_a_file_made_absurdly_long_is_not_read(tmp_path: Path) -> None:
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    os.truncate(path, 1 << 40)  # sparse: no disk holds it, no memory either
    with pytest.raises(store.Damaged, match="its 1099511627776 bytes do not match its seal"):
        store.read(path)


def test_content_that_does_not_match_its_digest_is_refused(tmp_path: Path) -> None:
    """What another program rewrote, with a new seal even, is not what was written."""
    run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    with h5py.File(path, "r+", locking=False) as file:
        file.attrs["seed"] = 2
    body = path.read_bytes()[hdf5.SEAL_BYTES :]
    path.write_bytes(hdf5._seal(hdf5._head(1, hdf5.SEAL_BYTES + len(body)), body) + body)
    with pytest.raises(store.Damaged, match="not that of its content_sha256"):
        store.read(path)


def test_a_newer_format_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(hdf5, "FORMAT_VERSION", 2)
        run(tmp_path, 1)
    path = directory.generation_path(tmp_path, 0)
    message = r"format version 2 was written by a newer mpineat; this one reads versions up to 1"
    with pytest.raises(InputError, match=message):
        store.read(path)
    with pytest.raises(InputError, match=message):
        store.history(tmp_path)  # to begin anew would be no resume


def test_another_hdf5_file_is_told_from_a_generation(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2]
    with pytest.raises(store.Damaged, match="an HDF5 file without the seal of mpineat"):
        store.read(path)


def test_damaged_files_are_told_by_whether_a_whole_one_follows(tmp_path: Path) -> None:
    written = run(tmp_path, 5)
    paths = directory.generation_paths(tmp_path)
    for number in (0, 3, 4):
        paths[number].write_bytes(paths[number].read_bytes()[:-1])
    found = store.history(tmp_path)
    assert found.generations == written[1:3]
    assert found.newest == paths[3:]
    (said,) = found.older
    assert f"{paths[0]}: damaged" in said


def test_no_files_are_no_history(tmp_path: Path) -> None:
    assert store.history(tmp_path) == store.History(generations=(), older=(), newest=())


def test_a_file_set_aside_is_kept_and_not_read_again(tmp_path: Path) -> None:
    written = run(tmp_path, 2)
    path = directory.generation_path(tmp_path, 1)
    for name in ("generation_0001.h5.damaged", "generation_0001.h5.damaged1"):
        path.write_bytes(b"no generation")
        assert directory.set_aside(path).name == name
        assert path.with_name(name).read_bytes() == b"no generation"
    assert store.history(tmp_path).generations == written[:1]
