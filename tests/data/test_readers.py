"""The official files are read unchanged; damaged ones are refused with file and place."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from mpineat.data.reader import Header
from mpineat.data.readers import idx
from mpineat.data.readers.cifar import CifarFolder
from mpineat.data.readers.digits import Digits
from mpineat.data.readers.stl10 import Stl10Folder
from mpineat.data.readers.svhn import SvhnFolder
from mpineat.errors import InputError
from tests.data import files


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inside", ["", "MNIST/raw"])
def test_idx_files_give_their_images_and_labels(tmp_path, packed, inside):
    arrays = files.write_idx(tmp_path / inside, packed=packed)
    reader = idx.IdxFolder(tmp_path, {})
    header, train, test = reader.header(), reader.train(), reader.test()
    assert (header.shape, header.classes, header.train_examples) == ((28, 28, 1), 10, 60)
    assert np.array_equal(train.x[..., 0], arrays["train-images-idx3-ubyte"])
    assert np.array_equal(train.y, arrays["train-labels-idx1-ubyte"])
    assert np.array_equal(test.x[..., 0], arrays["t10k-images-idx3-ubyte"])
    assert train.y.dtype == np.int32


@pytest.mark.parametrize("python", [False, True], ids=["binary", "python"])
@pytest.mark.parametrize("classes", [10, 100])
def test_cifar_files_give_their_images_and_labels(tmp_path, classes, python):
    batches = files.write_cifar(tmp_path, classes, python=python)
    *names, test_name = files.cifar_names(classes)
    reader = CifarFolder(tmp_path, classes)
    header, train, test = reader.header(), reader.train(), reader.test()
    assert (header.shape, header.classes, header.train_examples) == (
        (32, 32, 3),
        classes,
        100 * len(names),
    )
    assert np.array_equal(train.x, np.concatenate([batches[name][0] for name in names]))
    assert np.array_equal(train.y, np.concatenate([batches[name][1] for name in names]))
    assert np.array_equal(test.x, batches[test_name][0])


def test_batches_pickled_by_python_3_are_read_too(tmp_path):
    x, y = files.examples(7, (3072,), 10)
    for name in files.cifar_names(10):
        (tmp_path / name).write_bytes(files.pickle_now({b"data": x, b"labels": y.tolist()}))
    assert len(CifarFolder(tmp_path, 10).train().y) == 35


def test_the_embedded_digits_are_split_and_span_the_range():
    reader = Digits()
    train, test = reader.train(), reader.test()
    assert len(train.y) == reader.header().train_examples == 1437
    assert len(test.y) == 360
    assert train.x.shape[1:] == reader.header().shape == (8, 8, 1)
    assert (train.x.min(), train.x.max()) == (0, 255)
    assert (np.abs(np.bincount(train.y) / 1437 - np.bincount(test.y) / 360) < 0.003).all()
    images = {image.tobytes() for image in train.x}
    assert not any(image.tobytes() in images for image in test.x)


def test_a_differing_checksum_is_a_warning_with_the_files_name(tmp_path, caplog):
    files.write_idx(tmp_path, packed=True)
    with caplog.at_level(logging.WARNING):
        idx.IdxFolder(tmp_path, idx.MNIST_MD5).train()
    assert "train-images-idx3-ubyte.gz: MD5" in caplog.text
    assert idx.MNIST_MD5["train-images-idx3-ubyte.gz"] in caplog.text


def idx_damage(content: bytes) -> dict[str, tuple[bytes, str]]:
    """Return damaged contents of the training images, and what must be said of them."""
    return {
        "empty": (b"", "at byte 0: expected a data set file, found an empty file"),
        "header cut": (content[:9], "at byte 9: expected a header of 16 bytes"),
        "images cut": (
            content[:5000],
            "at byte 5000: expected 47056 bytes for [60, 28, 28], found 5000 bytes",
        ),
        "too long": (content + b"\0", "at byte 47056: expected 47056 bytes"),
        "foreign": (
            b"PK\x03\x04" + content[4:],
            "at byte 0: expected the magic number 0x00000803, found 0x504b0304",
        ),
        "bytes swapped": (content[3::-1] + content[4:], "at byte 0: expected the magic number"),
        "no images": (
            content[:4] + bytes(4) + content[8:],
            "at byte 4: expected a sensible extent, found 0",
        ),
        "other count": (
            content[:7] + b"\x3d" + content[8:],
            "expected 47840 bytes for [61, 28, 28]",
        ),
        "labels": (files.idx_bytes(np.zeros(60)), "found 0x00000801 (a label file)"),
    }


@pytest.mark.parametrize("damage", idx_damage(bytes(16)))
def test_damaged_idx_images_are_refused(tmp_path, damage):
    files.write_idx(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    content, message = idx_damage(path.read_bytes())[damage]
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        idx.IdxFolder(tmp_path, {}).train()
    assert f"{path}: {message}" in str(caught.value) or message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_label_out_of_range_is_named_with_its_place(tmp_path):
    files.write_idx(tmp_path)
    path = tmp_path / "train-labels-idx1-ubyte"
    content = bytearray(path.read_bytes())
    content[8 + 17] = 10
    path.write_bytes(content)
    with pytest.raises(
        InputError,
        match=r"labels-idx1-ubyte: at byte 25: expected a label below 10, found 10 \(example 17\)",
    ):
        idx.IdxFolder(tmp_path, {}).train()


def test_unequal_numbers_of_images_and_labels_are_refused(tmp_path):
    files.write_idx(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(files.idx_bytes(np.zeros(59)))
    with pytest.raises(
        InputError,
        match="expected as many labels as train-images-idx3-ubyte has images, 60, found 59",
    ):
        idx.IdxFolder(tmp_path, {}).train()


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_cut_gzip_stream_is_refused(tmp_path, keep):
    files.write_idx(tmp_path, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(
        InputError,
        match=r"images-idx3-ubyte.gz: at byte \d+: expected the end of a whole gzip stream",
    ):
        idx.IdxFolder(tmp_path, {}).train()


def test_a_missing_file_is_named(tmp_path):
    files.write_idx(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match="expected the file train-labels-idx1-ubyte or"):
        idx.IdxFolder(tmp_path, {}).train()
    with pytest.raises(InputError, match=r"nowhere: expected a folder with .*\(set dataset.path\)"):
        idx.IdxFolder(tmp_path / "nowhere", {})


def test_a_cut_cifar_file_is_refused_by_both_doors(tmp_path):
    files.write_cifar(tmp_path, 10)
    path = tmp_path / "data_batch_3.bin"
    path.write_bytes(path.read_bytes()[:-1000])
    message = (
        r"data_batch_3\.bin: at byte 304227: expected whole records of 3073 bytes, "
        r"found a file of 306300 bytes"
    )
    with pytest.raises(InputError, match=message):
        CifarFolder(tmp_path, 10).train()
    with pytest.raises(InputError, match=message):
        CifarFolder(tmp_path, 10).header()


def test_a_cifar_label_out_of_range_is_named_with_its_place(tmp_path):
    files.write_cifar(tmp_path, 100)
    path = tmp_path / "train.bin"
    content = bytearray(path.read_bytes())
    content[3074 * 2 + 1] = 100
    path.write_bytes(content)
    with pytest.raises(
        InputError,
        match=r"train.bin: at byte 6149: expected a label below 100, found 100 \(example 2\)",
    ):
        CifarFolder(tmp_path, 100).train()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (files.pickle_that_runs_code(), r"UnpicklingError: os.system, which no images need"),
        (b"\x80\x02}(", "expected a pickle of arrays"),
        (
            files.pickle_now([1]),
            "expected a dictionary with the keys data and labels, found list of 1",
        ),
        (
            files.pickle_now({b"data": np.zeros((2, 9), np.uint8), b"labels": [0, 1]}),
            r"expected data as uint8 \[n, 3072\]",
        ),
        (
            files.pickle_now({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}),
            r"found float64 \[2, 3072\]",
        ),
        (
            files.pickle_now({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}),
            "expected 2 whole numbers as labels",
        ),
        (
            files.pickle_now({b"data": np.zeros((1, 3072), np.uint8), b"labels": [-1]}),
            "expected a label below 10, found -1",
        ),
    ],
)
def test_foreign_pickles_are_refused(tmp_path, content, message):
    files.write_cifar(tmp_path, 10, python=True)
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(InputError, match=message):
        CifarFolder(tmp_path, 10).train()


@pytest.mark.parametrize("packed", [False, True])
def test_svhn_gives_its_images_with_a_0_for_10(tmp_path, packed):
    for part in ("train", "test"):
        x, y = files.examples(40, (32, 32, 3), 10)
        arrays = {"X": x.transpose(1, 2, 3, 0), "y": (y + 1.0)[:, None]}
        path = tmp_path / f"{part}_32x32.mat"
        path.write_bytes(files.mat_bytes(packed=packed, **arrays))
    reader = SvhnFolder(tmp_path)
    assert reader.header() == Header((32, 32, 3), 10, 40)
    for split in (reader.train(), reader.test()):
        assert np.array_equal(split.x, x)
        assert np.array_equal(split.y, (y + 1) % 10)
    path.write_bytes(files.mat_bytes(packed=packed, **arrays | {"y": y[:, None] * 1.0}))
    with pytest.raises(InputError, match=r"test_32x32\.mat: y: expected labels from 1 to 10"):
        reader.test()


def test_stl10_gives_its_images_upright(tmp_path):
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    x, y = files.examples(20, (96, 96, 3), 10)
    for part in ("train", "test"):
        (folder / f"{part}_X.bin").write_bytes(x.transpose(0, 3, 2, 1).tobytes())
        (folder / f"{part}_y.bin").write_bytes((y + 1).astype(np.uint8).tobytes())
    (folder / "class_names.txt").write_text("\n".join("abcdefghij"))
    reader = Stl10Folder(tmp_path)
    assert reader.header() == Header((96, 96, 3), 10, 20, class_names=tuple("abcdefghij"))
    for split in (reader.train(), reader.test()):
        assert np.array_equal(split.x, x)
        assert np.array_equal(split.y, y)
    (folder / "test_y.bin").write_bytes(b"\x00" * 20)
    with pytest.raises(InputError, match=r"test_y\.bin: at byte 0: expected a label below 10"):
        reader.test()
    (folder / "train_X.bin").write_bytes(b"cut")
    with pytest.raises(InputError, match=r"train_X\.bin: .* whole images of 27648 bytes"):
        reader.header()
