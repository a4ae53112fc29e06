"""A data set is read as a whole before a job is spent on it, and known again another time."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mpineat.config import Dataset
from mpineat.data import contact_sheet
from mpineat.data.dataset import open_dataset
from mpineat.data.fingerprint import Fingerprint
from mpineat.data.reader import Split
from mpineat.data.survey import images_in_common, survey
from mpineat.errors import InputError, StorageError
from tests.data import files

X, Y = files.examples(60, (8, 9, 3), 4)


def surveyed(path, **arrays):
    return survey(Dataset(name="file", path=str(files.write_arrays(path, arrays))))


def test_classes_that_a_part_of_the_run_lacks_are_named(tmp_path):
    y = np.array(["cat"] * 57 + ["dog\nforged"] * 2 + ["owl"])
    read = surveyed(tmp_path / "a.npz", x=X, y=y, x_test=X[:5], y_test=y[-5:])
    assert [line.split(":")[1] for line in read.missing(0)] == [
        " no image to validate on of dog\nforged, owl"
    ]
    assert list(surveyed(tmp_path / "b.npz", x=X, y=Y, x_test=X[:5], y_test=Y[:5]).missing(0)) == []
    # The labels are those of the run's own parts.
    dataset = read.dataset(3)
    train, validation = read.labels(3)
    assert train.tolist() == dataset.train.y.tolist()
    assert validation.tolist() == dataset.validation.y.tolist()


def test_a_test_set_that_no_export_could_use_is_refused(tmp_path):
    files.write_cifar(tmp_path, 10)
    (tmp_path / "test_batch.bin").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"test_batch\.bin"):
        survey(Dataset(name="cifar10", path=str(tmp_path)))


def test_the_lines_say_what_was_read(tmp_path):
    arrays = {"x": X / 255, "y": np.array(["cat", "dog", "owl", "yak"])[Y], "x_test": X[:5] / 255}
    found = list(surveyed(tmp_path / "a.npz", **arrays, y_test=arrays["y"][:5]).lines())
    assert "values are float64, 0 to 1 became 0 to 255" in found
    assert "labels are text: cat = 0, dog = 1, owl = 2, yak = 3" in found
    assert "60 to train and validate on: 15 of each class: cat, dog, owl, yak" in found
    assert found[-1].startswith("warning: 5 of 5 test images are among the training images")


def test_images_in_common_are_counted_byte_for_byte():
    other = X.copy()
    other[3] ^= 1
    assert images_in_common(Split(X, Y), Split(other, Y)) == 59


def test_the_same_data_elsewhere_in_another_form_are_the_same(tmp_path):
    first = surveyed(tmp_path / "a.npz", x=X, y=Y, x_test=X[:9], y_test=Y[:9])
    again = surveyed(
        tmp_path / "b.h5", images=X / 255, labels=Y, test_images=X[:9] / 255, test_labels=Y[:9]
    )
    assert list(first.fingerprint().differences(again.fingerprint())) == []
    read = json.loads(json.dumps(first.fingerprint().to_json()))
    assert Fingerprint.from_json(read) == first.fingerprint()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": X[:, :7], "x_test": X[:9, :7]}, "images: 8x9x3 were recorded, found 7x9x3"),
        ({"x": X[:50], "y": Y[:50]}, "images to train on: 60 were recorded, found 50"),
        ({"y": Y[::-1]}, "images or labels to train on are others than were recorded"),
        ({"x": X ^ 1}, "images or labels to train on are others than were recorded"),
        ({"x_test": X[9:18]}, "images or labels to test on are others than were recorded"),
    ],
)
def test_other_data_are_told_apart(tmp_path, change, said):
    arrays = {"x": X, "y": Y, "x_test": X[:9], "y_test": Y[:9]}
    first = surveyed(tmp_path / "a.npz", **arrays).fingerprint()
    other = surveyed(tmp_path / "b.npz", **(arrays | change)).fingerprint()
    assert list(first.differences(other)) == [said]


def test_a_worker_knows_the_data_by_what_it_reads_itself(tmp_path):
    files.write_cifar(tmp_path, 10)
    options = Dataset(name="cifar10", path=str(tmp_path), train_examples=333)
    expected = survey(options).fingerprint().training
    assert open_dataset(options, 1).digest == open_dataset(options, 2).digest == expected


def test_what_is_no_record_is_refused():
    good = survey(Dataset()).fingerprint().to_json()
    for wrong in ({}, [], good | {"train": None}, good | {"shape": [1]}, good | {"test": 5}):
        with pytest.raises(InputError, match="expected a data set's record"):
            Fingerprint.from_json(wrong)


def test_the_contact_sheet_shows_images_of_each_class(tmp_path):
    split = Split(np.full((12, 8, 8, 3), 100, np.uint8), np.arange(12) % 4)
    split.x[split.y == 2] = (250, 0, 0)
    contact_sheet.write(tmp_path / "sheet.png", split, ("a", "b", "ц", "d"))
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    red = (sheet == (250, 0, 0)).all(axis=-1)
    assert red.sum() == 3 * 64 * 64
    with pytest.raises(InputError, match=r"expected a name such as sheet\.png"):
        contact_sheet.write(tmp_path / "sheet.odd", split, ())
    with pytest.raises(StorageError):
        contact_sheet.write(tmp_path / "gone" / "sheet.png", split, ())


def test_a_signal_is_drawn_as_a_curve(tmp_path):
    split = Split(np.full((4, 1, 300, 1), 255, np.uint8), np.arange(4) % 2)
    contact_sheet.write(tmp_path / "sheet.png", split, ())
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert (sheet[contact_sheet._LINE] == 0).all(axis=-1).sum() == 4 * 64
    assert contact_sheet.png(split, ()).startswith(b"\x89PNG")


def test_labels_and_shapes_of_an_installed_reader_are_validated(monkeypatch):
    from mpineat.data.readers.digits import Digits

    good = Digits().test()
    for wrong, message in (
        (replace(good, x=good.x[:, 1:]), r"images to test: expected uint8 \[8, 8, 1\]"),
        (replace(good, y=good.y + 1), "expected labels from 0 to 9, found 1 to 10"),
        (replace(good, y=good.y[1:]), "expected images with a label each"),
        (Split(good.x[:0], good.y[:0]), "found 0 images"),
    ):
        monkeypatch.setattr(Digits, "test", lambda _, wrong=wrong: wrong)
        with pytest.raises(InputError, match=message):
            survey(Dataset())
