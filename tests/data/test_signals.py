"""Signals are images of height 1; volumes are refused."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.config import Dataset
from mpineat.data.readers.own_file import OwnFile
from mpineat.errors import InputError
from tests.data import files

SIGNALS = np.random.default_rng(0).normal(0, 1, (60, 24, 2)).clip(-3, 3)


def read(path, **options):
    return OwnFile(path, Dataset(name="file", path=str(path), **options))


def of_signals(path, x, **options):
    path = files.write_arrays(path, {"x": x, "y": np.arange(len(x)) % 3})
    return read(path, signals=True, range=(-3, 3), **options)


@pytest.mark.parametrize(
    ("x", "channels", "shape"),
    [
        (SIGNALS, None, (1, 24, 2)),
        (SIGNALS[..., 0], None, (1, 24, 1)),
        (SIGNALS.transpose(0, 2, 1), "first", (1, 24, 2)),
    ],
)
def test_signals_are_images_of_height_1(tmp_path, x, channels, shape):
    reader = of_signals(tmp_path / "own.npz", x, channels=channels)
    assert reader.header().shape == shape
    kept = (np.rint((SIGNALS[..., : shape[2]] + 3) * 255 / 6)).astype(np.uint8)[:, None]
    found = [image.tobytes() for part in (reader.train(), reader.test()) for image in part.x]
    assert sorted(found) == sorted(image.tobytes() for image in kept)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (SIGNALS[:, :2], r"\[60, 2, 2\] may be \[n, length, channels\] .* set dataset.channels"),
        (SIGNALS[..., None], r"expected signals \[n, length\] or .* found \[60, 24, 2, 1\]"),
    ],
)
def test_what_may_be_several_kinds_of_signals_is_asked_for(tmp_path, x, message):
    with pytest.raises(InputError, match=message):
        of_signals(tmp_path / "own.npz", x).header()


def test_volumes_are_refused_in_a_line(tmp_path):
    x = np.zeros((20, 4, 4, 4, 1), np.uint8)
    path = files.write_arrays(tmp_path / "own.npz", {"x": x, "y": np.arange(20) % 2})
    with pytest.raises(InputError, match=r"\[20, 4, 4, 4, 1\] are volumes or films; .* slices"):
        read(path).header()
