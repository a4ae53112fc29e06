"""Image files of any kind in the folders of their classes, or listed in a table."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from PIL import Image

from mpineat.config import Dataset
from mpineat.data import pictures, shared_cache
from mpineat.data.dataset import describe, open_dataset
from mpineat.data.readers.folder import ImageFolder
from mpineat.errors import InputError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MPINEAT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path, pixels, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)


def pixels(*shape):
    return RNG.integers(0, 256, shape, np.uint8)


def classes(folder, each=8, names=("ant", "bee"), shape=(6, 5, 3)):
    """Write a folder a class; return the images by their path inside."""
    made = {}
    for name in names:
        for index in range(each):
            made[f"{name}/{index}.png"] = pixels(*shape)
            write(folder / name / f"{index}.png", made[f"{name}/{index}.png"])
    return made


def read(folder, **options):
    return ImageFolder(folder, Dataset(name="folder", path=str(folder), **options))


def test_a_folder_a_class_is_read_in_the_order_of_names(tmp_path):
    made = classes(tmp_path / "data")
    (tmp_path / "data" / "ant" / "notes.txt").write_text("not an image")
    reader = read(tmp_path / "data")
    header, train, test = reader.header(), reader.train(), reader.test()
    assert (header.shape, header.classes, header.class_names) == ((6, 5, 3), 2, ("ant", "bee"))
    assert header.train_examples == len(train.y) == 14
    found = [
        (label, x.tobytes())
        for part in (train, test)
        for label, x in zip(part.y, part.x, strict=True)
    ]
    assert sorted(found) == sorted((int(name[0] == "b"), x.tobytes()) for name, x in made.items())


def test_parts_of_their_own_are_used(tmp_path):
    for part, each in (("train", 6), ("val", 2), ("test", 3)):
        classes(tmp_path / "data" / part, each)
    options = Dataset(name="folder", path=str(tmp_path / "data"))
    description, dataset = describe(options), open_dataset(options, 0)
    assert (description.train_examples, description.validation_examples) == (12, 4)
    assert (len(dataset.train.y), len(dataset.validation.y), len(dataset.test.y)) == (12, 4, 6)
    assert dataset.class_names == ("ant", "bee")


def test_a_class_that_is_only_tested_on_is_refused(tmp_path):
    classes(tmp_path / "data" / "train")
    classes(tmp_path / "data" / "test", names=("ant", "cow"))
    with pytest.raises(InputError, match="test: 'cow' is no class to train on; those are ant, bee"):
        read(tmp_path / "data")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_table_names_files_labels_and_parts(tmp_path, form):
    made = classes(tmp_path / "images")
    rows = [
        {
            "filename": f"images/{name}",
            "label": name[0],
            "split": "test" if "7" in name else "train",
        }
        for name in made
    ]
    table = tmp_path / f"list.{form}"
    if form == "csv":
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        table.write_text("\n".join(lines))
    else:
        table.write_text("\n".join(json.dumps(row) for row in rows))
    reader = read(table)
    assert reader.header().class_names == ("a", "b")
    assert (len(reader.train().y), len(reader.test().y)) == (14, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\nx.png,\n", r"list\.csv:2: expected one value in a column called label or"),
        (
            "name,label\nx.png,1\n",
            r"list\.csv:2: expected .* called file or filename .* found name",
        ),
        ("file,label,split\nx.png,1,dev\n", "expected train, val or test as the part, found 'dev'"),
        ("file,label\nx.png,1\nz.png,2\n", "x.png: "),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "list.csv").header()


def decode(path, shape, **options):
    return pictures.decode(path, shape=shape, **({"resize": False, "fit": None} | options))


def test_every_kind_of_image_becomes_8_bits_of_grey_or_rgb(tmp_path):
    colour, grey = pixels(6, 5, 3), pixels(6, 5)
    write(tmp_path / "a.png", colour)
    write(tmp_path / "a.bmp", colour)
    write(tmp_path / "a.webp", colour, lossless=True)
    for name in ("a.png", "a.bmp", "a.webp"):
        assert np.array_equal(decode(tmp_path / name, (6, 5, 3)), colour)
    write(tmp_path / "grey.png", grey)
    assert np.array_equal(decode(tmp_path / "grey.png", (6, 5, 3)), np.stack([grey] * 3, -1))
    write(tmp_path / "16.png", grey.astype(np.uint16) * 257)
    assert np.array_equal(decode(tmp_path / "16.png", (6, 5, 1))[..., 0], grey)
    assert pictures.size_and_channels(tmp_path / "16.png") == (6, 5, 1)
    clear = np.dstack([colour, np.where(grey > 99, 255, 0).astype(np.uint8)])
    write(tmp_path / "clear.png", clear)
    assert np.array_equal(
        decode(tmp_path / "clear.png", (6, 5, 3)), colour * (grey > 99)[..., None]
    )
    write(tmp_path / "cmyk.jpg", np.full((6, 5, 3), 200, np.uint8), "CMYK", quality=100)
    assert np.abs(decode(tmp_path / "cmyk.jpg", (6, 5, 3)).astype(int) - 200).max() < 9


def test_a_camera_that_was_turned_is_turned_back(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # as seen: a quarter to the right
    image = pixels(6, 5, 3)
    write(tmp_path / "a.png", image, exif=exif)
    assert pictures.size_and_channels(tmp_path / "a.png") == (5, 6, 3)
    assert np.array_equal(decode(tmp_path / "a.png", (5, 6, 3)), np.rot90(image, -1))


def test_images_are_never_distorted(tmp_path):
    write(tmp_path / "a.png", np.full((20, 40, 3), 200, np.uint8))
    with pytest.raises(InputError, match=r"20x40 has another shape .* set dataset\.fit: pad"):
        decode(tmp_path / "a.png", (10, 10, 3), resize=True)
    padded = decode(tmp_path / "a.png", (10, 10, 3), resize=True, fit="pad")
    assert padded[..., 0].mean(axis=1).round().tolist() == [0] * 3 + [200] * 5 + [0] * 2
    assert (decode(tmp_path / "a.png", (10, 10, 3), resize=True, fit="crop") == 200).all()
    assert (decode(tmp_path / "a.png", (5, 10, 3), resize=True) == 200).all()


def test_images_of_several_sizes_ask_for_one(tmp_path):
    classes(tmp_path / "data")
    write(tmp_path / "data" / "bee" / "9.png", pixels(3, 3, 3))
    with pytest.raises(
        InputError, match=r"9\.png: .* of 6x5 .* found 3x3; set dataset\.image_size"
    ):
        read(tmp_path / "data").header()
    header = read(tmp_path / "data", image_size=(4, 4), fit="pad").header()
    assert header.shape == (4, 4, 3)
    assert header.notes == ("images are brought to 4x4 within a black frame",)


def test_grey_images_stay_grey_unless_one_has_colours(tmp_path):
    classes(tmp_path / "data", shape=(6, 5))
    assert read(tmp_path / "data").header().shape == (6, 5, 1)
    write(tmp_path / "data" / "bee" / "9.png", pixels(6, 5, 3))
    assert read(tmp_path / "data").header().shape == (6, 5, 3)


def test_a_few_broken_files_are_named_and_left_out(tmp_path):
    classes(tmp_path / "data", each=60)
    broken = tmp_path / "data" / "ant" / "17.png"
    broken.write_bytes(broken.read_bytes()[:60])
    for _ in range(2):  # decoded, and from the cache
        reader = read(tmp_path / "data")
        (note,) = reader.header().notes
        assert note.startswith(f"warning: 1 broken files are left out: {broken}: no whole image")
        assert len(reader.train().y) + len(reader.test().y) == 119
    (tmp_path / "data" / "ant" / "18.png").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"2 of the first .* of 120 images are broken, more than 1%"
    ):
        read(tmp_path / "data").header()


def test_images_are_decoded_once_for_all_processes(tmp_path, monkeypatch, caplog):
    classes(tmp_path / "data")
    with caplog.at_level(logging.INFO):
        first = np.array(read(tmp_path / "data").train().x)
    assert "decoding 16 images" in caplog.text
    monkeypatch.setattr(pictures, "decode", lambda *_, **__: pytest.fail("decoded again"))
    again = read(tmp_path / "data").train().x
    assert np.array_equal(again, first)


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError("no locks available")

    classes(tmp_path / "data")
    monkeypatch.setattr(shared_cache.fcntl, "flock", no_locks)
    assert len(read(tmp_path / "data").train().y) == 14


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.mkdir(), "expected a folder a class with images"),
        (lambda folder: classes(folder, names=("ant",)), "two classes at least, found only 'ant'"),
        (lambda folder: None, "expected a folder with a folder a class, .* found nothing"),
    ],
)
def test_what_holds_no_classes_is_refused(tmp_path, make, message):
    make(tmp_path / "data")
    with pytest.raises(InputError, match=message):
        read(tmp_path / "data")
