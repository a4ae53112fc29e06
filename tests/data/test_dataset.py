"""Splits keep the classes' shares, depend on the seed alone, and never touch the test set."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.config import Dataset
from mpineat.data.dataset import describe, open_dataset, stratified_choice
from mpineat.errors import InputError
from tests.data import files


def test_a_description_from_headers_equals_the_opened_data_set(tmp_path):
    files.write_cifar(tmp_path, 10)
    options = Dataset(
        name="cifar10", path=str(tmp_path), train_examples=333, validation_fraction=0.2
    )
    description, dataset = describe(options), open_dataset(options, 1)
    assert description.input_shape == dataset.input_shape == (32, 32, 3)
    assert description.classes == dataset.classes == 10
    assert description.train_examples == len(dataset.train.y) == 266
    assert description.validation_examples == len(dataset.validation.y) == 67


def test_training_and_validation_are_parts_of_the_training_set(tmp_path):
    batches = files.write_cifar(tmp_path, 10)
    dataset = open_dataset(Dataset(name="cifar10", path=str(tmp_path)), 0)
    whole = sorted(
        image.tobytes() for name, (x, _) in batches.items() if name != "test_batch" for image in x
    )
    split = [image.tobytes() for part in (dataset.train, dataset.validation) for image in part.x]
    assert sorted(split) == whole
    assert np.array_equal(dataset.test.x, batches["test_batch"][0])
    labels = {
        image.tobytes(): label
        for x, y in batches.values()
        for image, label in zip(x, y, strict=True)
    }
    assert [
        labels[image.tobytes()] for image in dataset.validation.x
    ] == dataset.validation.y.tolist()


def test_the_seed_decides_the_split():
    first, again, other = (open_dataset(Dataset(), seed) for seed in (5, 5, 6))
    assert np.array_equal(first.validation.x, again.validation.x)
    assert not np.array_equal(first.validation.x, other.validation.x)


@pytest.mark.parametrize("count", [10, 137, 999])
def test_a_stratified_choice_keeps_every_share_to_within_one_example(count):
    y = np.repeat(np.arange(5), [400, 300, 200, 90, 10])
    chosen = stratified_choice(y, count, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == count
    assert (np.abs(np.bincount(y[chosen], minlength=5) - np.bincount(y) * count / len(y)) < 1).all()


def test_a_split_that_leaves_nothing_is_refused():
    with pytest.raises(
        InputError,
        match=r"validation_fraction: 0.1 of 3 training examples leaves 3 to train on and 0",
    ):
        describe(Dataset(train_examples=3, validation_fraction=0.1))


def test_the_test_set_is_not_read_with_the_others(tmp_path):
    files.write_cifar(tmp_path, 10)
    (tmp_path / "test_batch.bin").write_bytes(b"damaged")
    dataset = open_dataset(Dataset(name="cifar10", path=str(tmp_path)), 0)
    with pytest.raises(InputError, match=r"test_batch\.bin"):
        _ = dataset.test
