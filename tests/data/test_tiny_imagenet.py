"""Tiny ImageNet: which files belong to which label and part, by wnids.txt and val_annotations."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mpineat.data.readers.tiny_imagenet import TinyImageNet
from mpineat.errors import InputError
from tests.data.files import write_jpeg

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
            write_jpeg(images / f"{name}_{index}.JPEG", 50 * label + 20)
        write_jpeg(folder / "val" / "images" / f"val_{label}.JPEG", 50 * label + 20)
        lines.append(f"val_{label}.JPEG\t{name}\t0\t0\t63\t63")
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    return folder


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


def test_too_few_classes_are_refused(folder):
    with pytest.raises(
        InputError, match=r"wnids\.txt: dataset\.classes asks for 4 classes, found 3"
    ):
        TinyImageNet(folder, 4)


def test_without_pillow_its_extra_is_named_before_a_job_is_spent(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InputError, match="this needs PIL, which the extra 'images' installs"):
        TinyImageNet(folder, None)
