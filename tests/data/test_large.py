"""Sets that are larger than memory should hold stay in their files, and are the same sets."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from mpineat.config import Dataset
from mpineat.data import rows, shared_cache
from mpineat.data.dataset import open_dataset
from mpineat.data.rows import Rows
from mpineat.data.survey import survey
from mpineat.errors import InputError
from tests.data import files

X, Y = files.examples(90, (8, 9, 3), 3)
ARRAYS = {"x": X, "y": Y}
TESTED = {"x_test": X[:9] // 2, "y_test": Y[:9]}
VALIDATED = {"x_val": X[:9] // 3, "y_val": Y[:9]}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MPINEAT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def npz(path, arrays):
    with path.open("wb") as file:  # with any suffix
        np.savez_compressed(file, **arrays)


def npy(path, arrays):
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)


def hdf5(path, arrays):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[name] = array


def packed_hdf5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=True, compression="gzip")


@pytest.mark.parametrize("more", [{}, TESTED, TESTED | VALIDATED], ids=["one", "test", "all"])
@pytest.mark.parametrize("write", [npz, npy, hdf5, packed_hdf5])
@pytest.mark.parametrize("floats", [False, True])
def test_a_large_set_is_the_same_set(tmp_path, monkeypatch, write, floats, more):
    arrays = ARRAYS | more
    if floats:
        arrays = {n: a / 255 if n.startswith("x") else a for n, a in arrays.items()}
    write(tmp_path / "own", arrays)
    options = Dataset(name="file", path=str(tmp_path / "own"))
    small, before = open_dataset(options, 1), survey(options)
    monkeypatch.setattr(shared_cache, "LARGE", 100)
    large, after = open_dataset(options, 1), survey(options)
    assert isinstance(large.train.x, Rows)
    assert isinstance(small.train.x, np.ndarray)
    for name in ("train", "validation", "test"):
        one, other = getattr(small, name), getattr(large, name)
        np.testing.assert_array_equal(one.x, other.x[:])
        np.testing.assert_array_equal(one.y, other.y)
    assert before.fingerprint() == after.fingerprint()
    assert small.digest == large.digest == after.dataset(1).digest
    assert list(before.lines()) == list(after.lines())


def test_plain_uint8_is_not_copied_and_all_else_is_once(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(shared_cache, "LARGE", 100)
    npy(tmp_path / "plain", ARRAYS)
    hdf5(tmp_path / "plain.h5", ARRAYS)
    for name in ("plain", "plain.h5"):
        open_dataset(Dataset(name="file", path=str(tmp_path / name)), 0)
        assert not list(cache.glob("*.npy"))
    npz(tmp_path / "packed.npz", {"x": X / 255, "y": Y})
    options = Dataset(name="file", path=str(tmp_path / "packed.npz"))
    open_dataset(options, 0)
    made = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert sorted(path.suffix for path in made) == [".json", ".lock", ".lock", ".npy"]
    open_dataset(options, 0)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir() if path in made} == made | {
        path: path.stat().st_mtime_ns for path in made if path.suffix == ".lock"
    }


def test_other_files_and_other_meanings_make_another_cache(tmp_path, monkeypatch, cache):
    monkeypatch.setattr(shared_cache, "LARGE", 100)
    path = tmp_path / "own.npz"
    npz(path, {"x": X / 255, "y": Y})
    options = Dataset(name="file", path=str(path))
    first = open_dataset(options, 0)
    told = open_dataset(options.model_copy(update={"range": (0.0, 2.0)}), 0)
    assert told.train.x[:].max() == 128
    npz(path, {"x": X[::-1] / 255, "y": Y})
    other = open_dataset(options, 0)
    assert first.digest != other.digest
    assert len(list(cache.glob("images_*.npy"))) == 3


def test_what_the_disk_cannot_hold_is_refused_before_it_is_read(tmp_path):
    with h5py.File(tmp_path / "endless.h5", "w") as file:
        file.create_dataset("x", (1 << 40, 64, 64, 3), np.float32, chunks=(1, 64, 64, 3))
        file["y"] = np.arange(4)
    options = Dataset(name="file", path=str(tmp_path / "endless.h5"))
    with pytest.raises(InputError, match=r"one label for each|set MPINEAT_CACHE to a folder"):
        open_dataset(options, 0)


def test_a_file_that_is_cut_while_it_is_used_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_cache, "LARGE", 100)
    npy(tmp_path / "own", ARRAYS)
    train = open_dataset(Dataset(name="file", path=str(tmp_path / "own")), 0).train
    (tmp_path / "own" / "x.npy").write_bytes(b"short")
    with pytest.raises(InputError, match=r"x\.npy: at byte .*: expected images, found the end"):
        train.x[:]


def test_rows_are_as_an_array_is(tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.save(tmp_path / "b.npy", X[:7])
    one, other = (Rows((np.load(tmp_path / name, mmap_mode="r"),)) for name in ("a.npy", "b.npy"))
    index = np.random.default_rng(0).permutation(90)
    some, array = one.taken(index).joined(other.taken(np.arange(3, 7))), X[index]
    array = np.concatenate([array, X[3:7]])
    assert (len(some), some.shape, some.nbytes) == (94, array.shape, array.nbytes)
    for key in (0, -1, slice(None, None, 7), slice(80, None), np.array([93, 4, 4, 5, 6])):
        np.testing.assert_array_equal(some[key], array[key])
    np.testing.assert_array_equal(np.concatenate(list(rows.parts(some))), array)


def test_a_survey_is_taken_without_holding_the_images(tmp_path, monkeypatch):
    """Nothing asks for more images at once than one part of them, or the digest's sample."""
    monkeypatch.setattr(shared_cache, "LARGE", 100)
    asked = []
    read = Rows._read
    monkeypatch.setattr(Rows, "_read", lambda x, at: asked.append(len(at)) or read(x, at))
    monkeypatch.setattr(rows, "PART", 10 * X[0].nbytes)
    npy(tmp_path / "own", ARRAYS)
    found = survey(Dataset(name="file", path=str(tmp_path / "own")))
    assert list(found.lines())
    assert found.fingerprint()
    assert 0 < max(asked) <= 10
