"""A user's arrays are read as what they are, or refused with the option that settles it."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.config import Arrays, Dataset
from mpineat.data.dataset import describe, open_dataset
from mpineat.data.readers.own_file import OwnFile
from mpineat.errors import InputError
from tests.data import files

X, Y = files.examples(40, (8, 9, 3), 4)
CATS = np.array(["cat", "dog", "owl", "yak"])
FORMS = ["own.npz", "own.h5", "own.data", "own"]


def read(path, **options):
    return OwnFile(path, Dataset(name="file", path=str(path), **options))


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_every_container_are_read(tmp_path, form):
    arrays = {"x": X, "y": Y[:, None], "x_test": X[:9], "y_test": Y[:9]}
    reader = read(files.write_arrays(tmp_path / form, arrays))
    header, train, test = reader.header(), reader.train(), reader.test()
    assert (header.shape, header.classes, header.train_examples) == ((8, 9, 3), 4, 40)
    assert np.array_equal(train.x, X)
    assert np.array_equal(train.y, Y)
    assert np.array_equal(test.x, X[:9])
    assert header.notes == ()


def test_without_a_test_set_the_same_share_of_each_class_is_held_out(tmp_path):
    reader = read(files.write_arrays(tmp_path / "own.npz", {"x": X, "y": Y}))
    train, test = reader.train(), reader.test()
    assert reader.header().train_examples == len(train.y) == 32
    assert np.bincount(test.y).tolist() == [2, 2, 2, 2]
    found = [image.tobytes() for part in (train, test) for image in part.x]
    assert sorted(found) == sorted(image.tobytes() for image in X)


def test_so_few_images_that_no_test_set_can_be_held_out_are_refused_at_once(tmp_path):
    path = files.write_arrays(tmp_path / "own.npz", {"x": X[:12], "y": np.arange(12) % 4})
    with pytest.raises(InputError, match="enough images to hold 15% of each class out"):
        read(path).header()


@pytest.mark.parametrize(
    "names",
    [
        ("X", "y", "X_test", "y_test"),
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("images", "labels", "test/images", "test/labels"),
        ("train/x", "train/y", "test/x", "test/y"),
        ("train_set_x", "train_set_y", "test_set_x", "test_set_y"),
        ("data", "target", "test_data", "test_target"),
    ],
)
def test_the_names_that_people_give_are_known(tmp_path, names):
    arrays = dict(zip(names, (X, Y, X[:9], Y[:9]), strict=True))
    reader = read(files.write_arrays(tmp_path / "own.h5", arrays))
    assert reader.header().train_examples == 40
    assert len(reader.test().y) == 9


def test_other_names_are_told_by_an_option(tmp_path):
    path = files.write_arrays(tmp_path / "own.npz", {"pixels": X, "species": Y, "x": X[:3]})
    with pytest.raises(InputError, match=r"found pixels, species, x; dataset\.arrays says"):
        read(path).header()
    reader = read(path, arrays=Arrays(x="pixels", y="species"))
    assert reader.header().train_examples == 32
    with pytest.raises(InputError, match="expected x and y at least"):
        read(path, arrays=Arrays(x="pixels")).header()
    with pytest.raises(InputError, match=r"expected an array 'gone', found pixels, species, x"):
        read(path, arrays=Arrays(x="gone", y="species")).header()


def test_two_arrays_that_could_be_the_images_are_refused(tmp_path):
    path = files.write_arrays(tmp_path / "own.npz", {"images": X, "data": X, "target": Y})
    with pytest.raises(InputError, match="data and images: each could be the train images"):
        read(path).header()


def test_a_pattern_names_arrays_by_what_stands_for_the_star(tmp_path):
    for name, array in {"x": X, "y": Y, "x_test": X[:9], "y_test": Y[:9]}.items():
        np.save(tmp_path / f"birds-{name}.npy", array)
    np.save(tmp_path / "x.npy", X[:3])
    reader = read(tmp_path / "birds-*.npy")
    assert (reader.header().train_examples, len(reader.test().y)) == (40, 9)


def test_validation_arrays_are_what_fitness_is_measured_on(tmp_path):
    arrays = {"x": X, "y": Y, "x_val": X[:7], "y_val": Y[:7]}
    path = files.write_arrays(tmp_path / "own.npz", arrays)
    options = Dataset(name="file", path=str(path))
    description, dataset = describe(options), open_dataset(options, 0)
    assert (description.train_examples, description.validation_examples) == (32, 7)
    assert len(dataset.train.y) == 32
    assert np.array_equal(dataset.validation.x, X[:7])


LABELS = {
    "from 1": (Y + 1, ("1", "2", "3", "4")),
    "with gaps": (Y * 10 - 7, ("-7", "3", "13", "23")),
    "floats": (Y.astype(np.float32) + 1, ("1", "2", "3", "4")),
    "one-hot": (np.eye(4)[Y], ("0", "1", "2", "3")),
    "one-hot truths": (np.eye(4)[Y] == 1, ("0", "1", "2", "3")),
    "text": (CATS[Y], tuple(CATS)),
    "bytes": (CATS[Y].astype("S"), tuple(CATS)),
    "a row": (Y[None] + 1, ("1", "2", "3", "4")),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("form", ["own.npz", "own.h5"])
def test_labels_are_mapped_and_the_map_is_said(tmp_path, kind, form):
    labels, values = LABELS[kind]
    reader = read(
        files.write_arrays(tmp_path / form, {"x": X, "y": labels, "x_test": X, "y_test": labels})
    )
    assert reader.train().y.tolist() == reader.test().y.tolist() == Y.tolist()
    (note,) = reader.header().notes
    assert note.endswith(", ".join(f"{value} = {label}" for label, value in enumerate(values)))
    assert reader.header().class_names == (tuple(CATS) if kind in ("text", "bytes") else ())


def test_truth_values_and_named_classes(tmp_path):
    path = files.write_arrays(tmp_path / "own.npz", {"x": X, "y": Y > 1})
    assert read(path).header().classes == 2
    arrays = {"train_set_x": X, "train_set_y": Y, "list_classes": CATS.astype("S")}
    path = files.write_arrays(tmp_path / "own.h5", arrays)
    assert read(path).header().class_names == tuple(CATS)


def test_labels_of_plain_python_objects_are_read(tmp_path):
    path = files.write_arrays(tmp_path / "own.npz", {"x": X, "y": CATS[Y].astype(object)})
    assert read(path).header().class_names == tuple(CATS)
    rows = np.empty(40, object)
    rows[:] = list(X)
    path = files.write_arrays(tmp_path / "rows.npz", {"x": rows, "y": Y})
    assert read(path).header().shape == (8, 9, 3)


class Foreign:
    """An object that would run code when it is unpickled."""

    def __reduce__(self):
        return print, ("executed",)


def test_foreign_objects_are_refused_and_never_run(tmp_path, capfd):
    labels = np.array([Foreign()] * 40, object)
    path = files.write_arrays(tmp_path / "own.npz", {"x": X, "y": labels})
    with pytest.raises(InputError, match=r"y: expected numbers or text, found Python objects") as e:
        read(path).header()
    assert "allow_pickle" not in str(e.value)
    assert "executed" not in capfd.readouterr().out


def test_a_label_that_occurs_once_among_plenty_is_asked_about(tmp_path):
    x, y = files.examples(100, (4, 4), 2)
    y[17] = 255
    path = files.write_arrays(tmp_path / "own.npz", {"x": x, "y": y})
    with pytest.raises(
        InputError, match=r"1 of 3 labels occur once .* such as '255'; set dataset\.rare_labels"
    ):
        read(path).header()
    assert read(path, rare_labels="keep").header().classes == 3
    dropped = read(path, rare_labels="drop")
    assert dropped.header().classes == 2
    found = {image.tobytes() for part in (dropped.train(), dropped.test()) for image in part.x}
    assert len(found) == 99
    assert x[17].tobytes() not in found


VALUES = {
    "truths": (X > 127, lambda: (X > 127) * 255),
    "floats to 1": ((X / 255).astype(np.float32), lambda: X),
    "doubles to 1": (X / 255, lambda: X),
    "floats to 255": (X.astype(np.float32), lambda: X),
    "int64": (X.astype(np.int64), lambda: X),
    "uint16": (X.astype(np.uint16) * 257, lambda: X),
    "big-endian": (X.astype(">f4"), lambda: X),
    "columns": (np.asfortranarray(X), lambda: X),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("form", ["own.npz", "own.h5"])
def test_values_are_converted_once_and_come_back(tmp_path, kind, form):
    values, expected = VALUES[kind]
    reader = read(
        files.write_arrays(tmp_path / form, {"x": values, "y": Y, "x_test": values, "y_test": Y})
    )
    assert np.array_equal(reader.train().x, expected())
    assert np.array_equal(reader.test().x, expected())
    conversion = reader.header().conversion
    np.testing.assert_allclose(conversion.back(reader.train().x), values, rtol=1e-6, atol=1e-6)
    assert reader.header().notes == ((conversion.note,) if values.dtype != np.uint8 else ())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (X / 127.5 - 1, r"float64 values from -1 to 1 may mean several ranges; set dataset\.range"),
        (X.astype(np.uint16) * 16, r"uint16 values from 0 to 4080 may mean several ranges"),
        (X.astype(int) - 1, r"int64 values from -1 to 254"),
        (np.where(X > 250, np.nan, X), r"image \d+: expected finite values, found nan"),
    ],
)
def test_a_range_that_is_not_certain_is_asked_for(tmp_path, values, message):
    path = files.write_arrays(tmp_path / "own.npz", {"x": values, "y": Y})
    with pytest.raises(InputError, match=message):
        read(path).header()


def test_a_range_that_is_told_is_used_and_kept_to(tmp_path):
    values = X / 127.5 - 1
    arrays = {"x": values, "y": Y, "x_test": values, "y_test": Y}
    path = files.write_arrays(tmp_path / "own.npz", arrays)
    assert np.array_equal(read(path, range=(-1, 1)).train().x, X)
    arrays["x_test"] = values * 2
    path = files.write_arrays(tmp_path / "other.npz", arrays)
    with pytest.raises(InputError, match=r"x_test: image 0: expected values from -1 to 1"):
        read(path, range=(-1, 1)).test()


def test_channels_first_are_recognised_where_they_are_certain(tmp_path):
    first = X.transpose(0, 3, 1, 2)
    reader = read(
        files.write_arrays(tmp_path / "own.npz", {"x": first, "y": Y, "x_test": first, "y_test": Y})
    )
    assert np.array_equal(reader.train().x, X)
    assert np.array_equal(reader.test().x, X)
    assert reader.header().notes == (
        "channels first: [40, 3, 8, 9] is [n, channels, height, width]",
    )
    bands = np.zeros((40, 6, 8, 9), np.uint8)
    path = files.write_arrays(tmp_path / "bands.npz", {"x": bands, "y": Y})
    with pytest.raises(InputError, match=r"\[40, 6, 8, 9\] may be .* set dataset\.channels"):
        read(path).header()
    assert read(path, channels="first").header().shape == (8, 9, 6)
    assert read(path, channels="last").header().shape == (6, 8, 9)


def test_flat_images_need_their_size(tmp_path):
    path = files.write_arrays(tmp_path / "own.npz", {"x": X[..., 0].reshape(40, -1), "y": Y})
    with pytest.raises(InputError, match=r"\[40, 72\] is flat: set dataset\.image_size"):
        read(path).header()
    assert read(path, image_size=(8, 9)).header().shape == (8, 9, 1)


def test_grey_images_need_no_channel_axis(tmp_path):
    path = files.write_arrays(tmp_path / "own.npz", {"x": X[..., 0], "y": Y})
    assert read(path).train().x.shape[1:] == (8, 9, 1)


def test_a_test_set_of_one_class_is_fine(tmp_path):
    arrays = {"x": X, "y": Y, "x_test": X[:5], "y_test": Y[:5] * 0}
    assert read(files.write_arrays(tmp_path / "own.npz", arrays)).test().y.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": None}, "x: expected labels to these images beside it, found x"),
        ({"x": np.zeros((0, 6, 5), np.uint8)}, "x: expected images as numbers"),
        ({"x": np.zeros((40, 6, 5), complex)}, "x: expected images as numbers"),
        ({"y": np.zeros(39, int)}, r"y: expected one label for each of 40 images, .* \[39\]"),
        ({"y": np.linspace(0, 1, 40)}, "example 1: expected whole numbers as labels"),
        ({"y": np.ones((40, 4))}, "expected one label for each image, or rows with a single 1"),
        ({"y": np.full(40, 99)}, "expected two classes at least, found only 99"),
        ({"x_test": X}, "x_test: expected labels to these images"),
        ({"x_test": X / 255, "y_test": Y}, "x_test: expected images as those to train on, uint8"),
        (
            {"x_test": X[:, :5], "y_test": Y},
            r"expected .* uint8 \[8, 9, 3\], found uint8 \[5, 9, 3\]",
        ),
        ({"x_test": X, "y_test": Y + 1}, "y_test: example .* that the training set has, found 4"),
        ({"x_test": X, "y_test": CATS[Y]}, "expected labels as those to train on, whole numbers"),
        ({"x_test": X[:0], "y_test": Y[:0]}, "x_test: expected images, found none"),
    ],
)
@pytest.mark.parametrize("form", ["own.npz", "own.h5"])
def test_wrong_arrays_are_refused_by_the_header_alone(tmp_path, form, change, message):
    arrays = {
        name: array for name, array in ({"x": X, "y": Y} | change).items() if array is not None
    }
    with pytest.raises(InputError, match=message):
        read(files.write_arrays(tmp_path / form, arrays)).header()
