"""Several devices learn what one does; there are as many as were asked for, or it is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from mpineat.errors import InputError
from mpineat.training import devices


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    words = [sys.executable, "-m", "tests.training.on_two_devices", tmp_path_factory.mktemp("two")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_learn_what_one_does_with_the_same_batches(found: dict[str, Any]) -> None:
    assert 0 < found["furthest_from_one_device"] < 1e-5


def test_stopped_and_resumed_on_two_devices_the_weights_are_those_of_no_stop(found) -> None:
    assert found["stopped_and_resumed"]


def test_each_device_drops_activations_of_its_own(found: dict[str, Any]) -> None:
    assert found["kept_on_both"] == [0.0, 1.0, 2.0]


def test_a_batch_that_the_devices_cannot_share_is_refused(found: dict[str, Any]) -> None:
    assert found["too_small"].startswith("2 devices cannot share a batch of 1 image: ask for fewer")


@pytest.mark.parametrize(
    ("there", "visible", "told"),
    [
        (0, None, "--gpus 3: TensorFlow finds no GPU here; leave it out to train without"),
        (1, None, "--gpus 3: TensorFlow finds 1 GPU here; ask for at most 1, or let the batch"),
        (2, "4,5", "finds 2 GPUs here, where CUDA_VISIBLE_DEVICES is '4,5'; ask for at most 2"),
    ],
)
def test_fewer_gpus_than_asked_for_are_counted(
    there: int, visible: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a GPU"] * there)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(InputError) as error:
        devices.gpus(3)
    assert told in str(error.value)
    assert devices.gpus(there) == tuple(f"GPU:{number}" for number in range(there))
