"""A final training that was interrupted ends as if it had not been; no other goes on with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mpineat.cluster.stop import Stop
from mpineat.config import Config, Dataset, Recipe, Training
from mpineat.data.dataset import open_dataset
from mpineat.errors import InputError, Stopped
from mpineat.store import hdf5
from mpineat.tasks import Epoch
from mpineat.training import feed, model
from mpineat.training.average import Average
from mpineat.training.export import checkpoint, final, keras
from mpineat.training.optimizer import Adam
from tests.training.test_recipe import NORMED

CONFIG = Config(
    dataset=Dataset(train_examples=300),
    training=Training(batch_size=20),
    recipe=Recipe(augment="photographs", cutout=0.2, mixup=0.3, average_epochs=3, weight_decay=0.1),
)
DIGITS = open_dataset(CONFIG.dataset, 0)
ASKED = {"run": "a", "candidate": "3", "--epochs": "4"}


class StopsLater(Stop):
    """Asks to stop at the so-many-th look."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def reason(self) -> str | None:
        self.looks -= 1
        return "SIGUSR2" if self.looks <= 0 else None


def export(
    output: Path,
    *,
    resume: bool = True,
    looks: int = 10**9,
    devices: tuple[str, ...] = (),
    **changes: object,
):
    """Train; return the exported model's weights."""
    keeping = checkpoint.Keeping(output, {**ASKED, **changes}, StopsLater(looks))
    kept = keeping.find(resume=resume)
    network = kept.network if kept else NORMED
    final.export(
        network,
        CONFIG,
        DIGITS,
        output=output,
        exporter=keras.EXPORTER,
        epochs=4,
        keeping=keeping,
        devices=devices,
    )
    return tf.keras.models.load_model(output).get_weights()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory):
    return export(tmp_path_factory.mktemp("whole") / "m.keras")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the checkpoint of a training that was stopped in its second epoch."""
    output = tmp_path_factory.mktemp("stopped") / "m.keras"
    with pytest.raises(Stopped, match=r"in epoch 2 of 4 by SIGUSR2: .*m\.keras\.checkpoint"):
        export(output, looks=7)
    return checkpoint.path_of(output).read_bytes()


@pytest.fixture
def stopped(tmp_path: Path, kept: bytes) -> Path:
    """Return the output of that training."""
    output = tmp_path / "m.keras"
    checkpoint.path_of(output).write_bytes(kept)
    return output


@pytest.mark.parametrize("streamed", [False, True])
def test_stopped_at_any_step_the_weights_are_those_of_no_stop(
    tmp_path: Path, whole, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    if streamed:
        monkeypatch.setattr(feed, "BLOCK", 5 * 20 * 64)  # five steps; an epoch has fifteen
        monkeypatch.setattr(final, "lies_on_device", lambda *_: False)
    output = tmp_path / "m.keras"
    for looks in (9,) if streamed else (1, 9):
        with pytest.raises(Stopped):
            export(output, looks=looks)
        assert not output.exists()
    for mine, theirs in zip(export(output), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert [path.name for path in tmp_path.glob("*.checkpoint")] == []


def test_a_checkpoint_is_not_written_over_by_who_forgot_to_resume(stopped: Path) -> None:
    before = checkpoint.path_of(stopped).read_bytes()
    with pytest.raises(InputError, match=r"was not ended; --resume goes on with it"):
        export(stopped, resume=False)
    assert checkpoint.path_of(stopped).read_bytes() == before


def test_another_trainings_checkpoint_is_refused_by_what_differs(stopped: Path) -> None:
    with pytest.raises(InputError, match=r"of another training: candidate: 3 is kept, 5 asked for"):
        export(stopped, candidate="5")
    with pytest.raises(InputError, match=r"--seed: not set is kept, 9 asked for"):
        export(stopped, **{"--seed": "9"})


def test_options_and_images_are_part_of_what_was_asked_for() -> None:
    asked = checkpoint.asked_for(CONFIG, "digest", {"candidate": 3, "--flops": None})
    assert asked["candidate"] == "3"
    assert "--flops" not in asked
    assert asked["images"] == "digest"
    assert asked["recipe.mixup"] == "0.3"
    assert "dataset.path" not in asked  # the same images may lie elsewhere now
    assert "training.threads" not in asked


def test_a_damaged_checkpoint_is_named(stopped: Path) -> None:
    path = checkpoint.path_of(stopped)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(hdf5.Damaged, match=r"m\.keras\.checkpoint: damaged: .*remove it to begin"):
        export(stopped)


def test_a_sealed_file_of_another_kind_is_no_checkpoint(stopped: Path) -> None:
    path = checkpoint.path_of(stopped)
    path.write_bytes(hdf5.pack({"checkpoint_version": 1}, {}, checkpoint.FORM)[0])
    with pytest.raises(InputError, match="no checkpoint of this mpineat: 'asked'"):
        export(stopped)
    path.write_bytes(hdf5.pack({}, {})[0])
    with pytest.raises(hdf5.Damaged, match="do not match its seal"):
        export(stopped)


def test_what_was_trained_outlives_a_model_that_cannot_be_written(
    stopped: Path, whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(final, "deployable", full_disk)
        with pytest.raises(OSError, match="No space"):
            export(stopped)
    monkeypatch.setattr(final.fit, "epoch_order", lambda *_: pytest.fail("trained again"))
    for mine, theirs in zip(export(stopped), whole, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_checkpoints_are_few_and_the_first_comes_with_the_first_epoch(tmp_path: Path) -> None:
    written = []

    class Counts(checkpoint.Keeping):
        def write(self, place: checkpoint.Place) -> None:
            written.append(place)
            super().write(place)

    keeping = Counts(tmp_path / "m.keras", ASKED, Stop())
    final.export(
        NORMED, CONFIG, DIGITS, output=tmp_path / "m.keras", exporter=keras.EXPORTER, epochs=4,
        keeping=keeping,
    )  # fmt: skip
    first, last = written
    assert len(first.curve) == 1
    assert (len(last.curve), last.step) == (4, 0)


def test_a_training_too_short_for_a_checkpoint_needs_none(tmp_path: Path) -> None:
    keeping = checkpoint.Keeping(tmp_path / "m.keras", ASKED, Stop())
    final.export(
        NORMED, CONFIG, DIGITS, output=tmp_path / "m.keras", exporter=keras.EXPORTER, epochs=1,
        keeping=keeping,
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_a_place_is_read_as_it_was_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    curve = tuple(
        Epoch(epoch=n, loss=0.1, accuracy=1 / 3, val_loss=0.7, val_accuracy=0.5, val_metric=metric)
        for n, metric in ((1, None), (2, 0.25))
    )
    place = checkpoint.Place(curve=curve, step=3, loss=1e-7, correct=12.0)
    learned = model.build(NORMED, 0, portable=False)
    standing = checkpoint.Standing(
        learned, Adam(model.trainable(learned), 0.1), Average(learned, 2, False)
    )
    keeping = checkpoint.Keeping(tmp_path / "m.keras", ASKED, Stop())
    keeping.expect(NORMED, 5, devices=2)
    keeping.begin(standing)
    keeping.write(place)
    found = checkpoint.Keeping(tmp_path / "m.keras", ASKED, Stop()).find(resume=True)
    assert found is not None
    assert (found.place, found.epochs, found.network) == (place, 5, NORMED)
    assert found.arrays.keys() == standing.arrays().keys()
    assert found.devices == (2,)
    # Another number goes on, and is told apart from what was promised.
    keeping = checkpoint.Keeping(tmp_path / "m.keras", ASKED, Stop())
    keeping.find(resume=True)
    keeping.expect(NORMED, 5, devices=1)
    assert keeping.begin(standing) == place
    assert keeping.devices == (2, 1)
    assert "it was trained on 2 devices, and goes on on 1" in caplog.text
    keeping.write(place)
    again = checkpoint.Keeping(tmp_path / "m.keras", ASKED, Stop()).find(resume=True)
    assert again is not None
    assert again.devices == (2, 1)
