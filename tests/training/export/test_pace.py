"""What is said of a final training while it goes on, and the epochs that fit into some minutes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mpineat.config import Config, Dataset, Training
from mpineat.data.dataset import open_dataset
from mpineat.tasks import Epoch
from mpineat.training import fit
from mpineat.training.export import checkpoint, final, keras, pace
from tests.training.test_recipe import NORMED

CONFIG = Config(dataset=Dataset(train_examples=200), training=Training(batch_size=20))
DIGITS = open_dataset(CONFIG.dataset, 0)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logging.getLogger("mpineat"), "propagate", True)
    caplog.set_level(logging.INFO, "mpineat")
    # TensorFlow speaks too: of functions that are traced again.
    return lambda: [
        record.getMessage() for record in caplog.records if record.name.startswith("mpineat")
    ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch):
    times = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: times[0])
    return times


def point(epoch: int, val_loss: float = float("nan"), val_accuracy: float = float("nan")) -> Epoch:
    return Epoch(epoch=epoch, loss=0.5, accuracy=0.8, val_loss=val_loss, val_accuracy=val_accuracy)


def test_lines_say_the_epoch_and_the_seconds_left_and_grow_rare(said, clock) -> None:
    told = pace.Pace(epochs=100, steps_an_epoch=10)
    told.step(1)  # the first step, in which the graph is built, tells nothing of the others
    for step in range(2, 1001):
        clock[0] += 6
        told.step(step)
        if step % 10 == 0:
            told.epoch(point(step // 10))
    lines = said()
    assert lines[0] == "epoch 1 of 100, 1:39:24 left"
    assert lines[1] == "epoch 1 of 100: loss 0.5000, accuracy 0.8000, 1:39:00 left"
    assert lines[-1] == "epoch 100 of 100: loss 0.5000, accuracy 0.8000"
    assert len(lines) < 110  # of 1,000 steps in 100 minutes


def test_validation_is_told_where_there_is_one(said, clock) -> None:
    told = pace.Pace(epochs=1, steps_an_epoch=10)
    told.epoch(point(1, 0.7, 0.75))
    assert said() == ["epoch 1 of 1: loss 0.5000, accuracy 0.8000, validation accuracy 0.7500"]


def test_minutes_become_epochs_by_the_steps_seconds(said, monkeypatch) -> None:
    history = fit.History(
        curve=(), steps=5, step_seconds=0.5, build_seconds=8.0, train_seconds=2.0,
        evaluate_seconds=1.0,
    )  # fmt: skip
    tried = []
    monkeypatch.setattr(pace.fit, "train", lambda *_, **how: tried.append(how) or history)
    data = fit.load(DIGITS, CONFIG.dataset)  # 170 images: 9 steps of 20, 5.5 s an epoch
    epochs = pace.epochs_within(2, NORMED, CONFIG, data, seed=0, validate=True)
    assert epochs == int((120 - 8) / 5.5)
    assert tried[0]["validate"]
    assert f"took 500.0 ms each: {epochs} epochs in 2 min" in said()[0]
    assert pace.epochs_within(0.01, NORMED, CONFIG, data, seed=0, validate=False) == 1
    assert "not even one epoch fits" in said()[-1]


def test_a_resumed_training_keeps_the_epochs_that_its_minutes_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said
) -> None:
    monkeypatch.setattr(final, "epochs_within", lambda *_, **__: 3)
    stop = checkpoint.Stop()
    stop.reason = lambda: "USR2"  # type: ignore[method-assign]
    output = tmp_path / "m.keras"

    def export(stop: checkpoint.Stop, **changes: object) -> final.Exported:
        keeping = checkpoint.Keeping(output, {"--minutes": "1.0"}, stop)
        keeping.find(resume=True)
        return final.export(
            NORMED, CONFIG, DIGITS, output=output, exporter=keras.EXPORTER, minutes=1,
            validate=True, keeping=keeping, **changes,
        )  # fmt: skip

    with pytest.raises(checkpoint.Stopped, match="in epoch 1 of 3"):
        export(stop)
    monkeypatch.setattr(final, "epochs_within", lambda *_, **__: pytest.fail("timed again"))
    done = export(checkpoint.Stop())
    assert done.epochs == 3
    assert done.train_examples == len(DIGITS.train.y)
    assert "30 images are kept back to validate on" in said()
    assert "validation accuracy" in said()[-1]
