"""JPEG files: the bytes that TensorFlow decoded, once, into a cache that is checked."""

from __future__ import annotations

import os

import numpy as np
import pytest

from mpineat.data import jpeg
from mpineat.data.jpeg import decode, decoded
from mpineat.errors import InputError
from tests.data.files import write_jpeg

SHAPE = (64, 64, 3)


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Three files with labels, and a place for their cache."""
    monkeypatch.setenv("MPINEAT_CACHE", str(tmp_path / "cache"))
    labelled = [(tmp_path / f"{value}.JPEG", value // 50) for value in (20, 70, 120)]
    for path, _ in labelled:
        write_jpeg(path, int(path.stem))
    return labelled


def read(images):
    return decoded(images, SHAPE, name="images", folder=images[0][0].parent)


@pytest.mark.tensorflow
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_image_has_the_bytes_of_earlier_releases_decoder(tmp_path, mode):
    from tensorflow import io

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (16, 16, 3), np.uint8)
    pixels = np.kron(coarse, np.ones((4, 4, 1), np.uint8)) // 2 + rng.integers(
        0, 128, (64, 64, 3), np.uint8
    )
    write_jpeg(tmp_path / "a.JPEG", pixels, mode=mode)
    expected = io.decode_jpeg(
        (tmp_path / "a.JPEG").read_bytes(), channels=3, dct_method="INTEGER_ACCURATE"
    ).numpy()
    assert np.array_equal(decode(tmp_path / "a.JPEG", SHAPE), expected)


def test_images_keep_their_order_and_labels(images):
    split = read(images[::-1])
    assert split.y.tolist() == [2, 1, 0]
    for x, value in zip(split.x, (120, 70, 20), strict=True):
        assert np.abs(x.astype(int) - value).max() <= 2


def test_the_cache_is_used_until_a_file_changes(images, monkeypatch):
    first = np.array(read(images).x)
    with monkeypatch.context() as patch:
        patch.setattr(jpeg, "decode", lambda *_: pytest.fail("decoded again"))
        assert np.array_equal(read(images).x, first)
    write_jpeg(images[0][0], 200)
    os.utime(images[0][0], ns=(1, 1))
    assert read(images).x[0].mean() > 190


def test_a_cache_that_is_not_of_these_images_is_named(images, tmp_path):
    read(images)
    (cache,) = (tmp_path / "cache").glob("images_*.npy")
    np.save(cache, np.zeros((3, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=rf"{cache.name}: expected uint8 .*; remove it"):
        read(images)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a", r"20\.JPEG: at byte 0: expected the start of a JPEG file, ff d8 ff, found"),
        (b"", r"20\.JPEG: at byte 0: .* found an empty file"),
        (b"\xff\xd8\xff\xe0junk", r"20\.JPEG: at byte 8: expected a whole JPEG image"),
    ],
)
def test_damaged_images_are_refused_and_leave_no_cache(images, tmp_path, content, message):
    images[0][0].write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(images)
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} <= {".lock"}


def test_a_cut_image_and_one_of_another_size_are_refused(images):
    path = images[0][0]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"20\.JPEG: .* expected a whole JPEG image"):
        read(images)
    write_jpeg(path, 1, size=32)
    with pytest.raises(
        InputError, match=r"expected an image of \[64, 64, 3\], found \[32, 32, 3\]"
    ):
        read(images)
