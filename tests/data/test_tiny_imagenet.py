"""Tiny ImageNet: labels by wnids.txt, grey files as RGB, decoded once into a checked cache."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf

from mpineat.data.readers.tiny_imagenet import TinyImageNet
from mpineat.errors import InputError

NAMES = ("n02", "n01", "n03")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MPINEAT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tiny"
    (folder / "val" / "images").mkdir(parents=True)
    (folder / "wnids.txt").write_text("\n".join(NAMES) + "\n")
    lines = []
    for label, name in enumerate(NAMES):
        images = folder / "train" / name / "images"
        images.mkdir(parents=True)
        for index in range(2):
            write_jpeg(images / f"{name}_{index}.JPEG", 50 * label + 20, 1 if index else 3)
        write_jpeg(folder / "val" / "images" / f"val_{label}.JPEG", 50 * label + 20, 3)
        lines.append(f"val_{label}.JPEG\t{name}\t0\t0\t63\t63")
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return folder


def write_jpeg(path, value, channels, size=64):
    image = np.full((size, size, channels), value, np.uint8)
    path.write_bytes(tf.io.encode_jpeg(image).numpy())


@pytest.mark.parametrize(("classes", "count"), [(None, 3), (2, 2)])
def test_images_and_labels_follow_wnids(folder, classes, count):
    reader = TinyImageNet(folder, classes)
    train, test = reader.train(), reader.test()
    assert reader.header().classes == count
    assert reader.header().train_examples == len(train.y) == 2 * count
    assert train.y.tolist() == [label for label in range(count) for _ in range(2)]
    assert test.y.tolist() == list(range(count))
    for x, label in zip(train.x, train.y, strict=True):
        assert x.shape == (64, 64, 3)
        assert np.abs(x.astype(int) - (50 * label + 20)).max() <= 2


def test_the_cache_is_used_until_a_file_changes(folder, monkeypatch):
    reader = TinyImageNet(folder, None)
    first = np.array(reader.train().x)
    with monkeypatch.context() as patch:
        patch.setattr(tf.io, "decode_jpeg", lambda *_, **__: pytest.fail("decoded again"))
        assert np.array_equal(reader.train().x, first)
    path = folder / "train" / "n02" / "images" / "n02_0.JPEG"
    write_jpeg(path, 200, 3)
    os.utime(path, ns=(1, 1))
    assert TinyImageNet(folder, None).train().x[0].mean() > 190


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a", r"n02_0\.JPEG: at byte 0: expected the start of a JPEG file, ff d8 ff, found"),
        (b"", r"n02_0\.JPEG: at byte 0: .* found an empty file"),
        (b"\xff\xd8\xff\xe0junk", r"n02_0\.JPEG: at byte 8: expected a whole JPEG image"),
    ],
)
def test_damaged_images_are_refused_and_leave_no_cache(folder, content, message):
    (folder / "train" / "n02" / "images" / "n02_0.JPEG").write_bytes(content)
    with pytest.raises(InputError, match=message):
        TinyImageNet(folder, None).train()
    assert not [
        path for path in (folder.parent / "cache").iterdir() if path.suffix in (".npy", ".partial")
    ]


def test_other_sizes_and_too_few_classes_are_refused(folder):
    write_jpeg(folder / "train" / "n02" / "images" / "n02_0.JPEG", 1, 3, size=32)
    with pytest.raises(
        InputError, match=r"expected an image of \[64, 64, 3\], found \[32, 32, 3\]"
    ):
        TinyImageNet(folder, None).train()
    with pytest.raises(
        InputError, match=r"wnids\.txt: dataset\.classes asks for 4 classes, found 3"
    ):
        TinyImageNet(folder, 4)
