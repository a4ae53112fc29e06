"""The card of a model says what was measured, as text, and its example runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpineat import registry
from mpineat.config import Config, Dataset, Recipe, Training
from mpineat.data.dataset import open_dataset
from mpineat.phenotype import cost
from mpineat.training.export import card, final
from tests.training.test_recipe import NORMED

CONFIG = Config(
    dataset=Dataset(train_examples=300),
    training=Training(batch_size=20),
    recipe=Recipe(label_smoothing=0.1, augment="photographs"),
)
DIGITS = open_dataset(CONFIG.dataset, 0)
HOSTILE = (
    "<img src=x>",
    "a|b",
    "**bold**",
    "[x](http://y)",
    "@me",
    "#1",
    "`c`",
    "a\nb",
    "&lt;",
    "z",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> final.Exported:
    output = tmp_path_factory.mktemp("card") / "my.digits.keras"
    exporter = registry.load("exporter", "keras")
    return final.export(NORMED, CONFIG, DIGITS, output=output, exporter=exporter, epochs=2)


def written(exported: final.Exported, dataset=DIGITS, origin: str = "candidate 3") -> str:
    exporter = registry.load("exporter", "keras")
    path = card.write(exported, NORMED, CONFIG, dataset, exporter, origin)
    return path.read_text("utf-8")


def test_it_says_what_was_measured(done: final.Exported) -> None:
    text = written(done)
    assert card.path_of(done.output, registry.load("exporter", "keras")).name == "my.digits.card.md"
    low, high = card.wilson(done.test_accuracy, 360)
    assert f"**Accuracy {done.test_accuracy:.4f}** on 360 images" in text
    assert f"95 % interval {low:.4f} to {high:.4f}" in text
    assert f"Balanced accuracy {done.confusion.balanced_accuracy:.4f}, macro F1" in text
    assert f"| {cost.flops(NORMED):,} |" in text
    assert f"| {cost.parameters(NORMED):,} |" in text
    assert f"`{DIGITS.digest}`" in text
    assert "| images | 300, those that the search validated on among them |" in text
    assert "| batch | 20 images on 1 device |" in text
    assert "| images changed | mirrored and shifted |" in text
    assert "| recipe.label_smoothing | 0.1 |" in text
    assert re.search(r"\| batch of 1 image, median \| [\d.]+ ms \|", text)
    assert re.search(r"\| batch of 64 images, median \| [\d.]+ ms, [\d.]+ ms an image \|", text)
    assert re.search(r"TensorFlow [\d.]+, Keras [\d.]+, float32, on .+, \d+ threads?, on the", text)
    assert "uint8 [n, 8, 8, 1] (height, width, channels), values from 0 to 255" in text


def test_it_says_on_how_many_devices_batches_were_shared(done: final.Exported) -> None:
    text = written(replace(done, devices=(4, 2)))
    assert "| batch | 20 images on 4, then 2 devices, each with its share |" in text


def test_names_of_others_stay_text(done: final.Exported) -> None:
    hostile = replace(DIGITS, class_names=HOSTILE, name="x|y\n# z")
    named = replace(done, class_names=HOSTILE)
    lines = written(named, hostile, origin="run /a/<b>`c`").splitlines()
    text = "\n".join(lines)
    for wrong in ("<img", "**bold**", "[x](http", "x|y", "<b>", " @me", "a\nb"):
        assert not re.search(rf"(?<!\\){re.escape(wrong)}", text), wrong
    for line in lines:
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line


def test_a_model_that_could_not_be_measured_has_a_card_that_says_so(done: final.Exported) -> None:
    text = written(replace(done, confusion=None, latency=None, unmeasured="OOM <b>"))
    assert "Not measured: OOM \\<b\\>." in text
    assert "median" not in text


@pytest.mark.parametrize("name", ["keras", "savedmodel", "onnx"])
def test_the_example_of_every_format_runs(tmp_path: Path, name: str) -> None:
    if name == "onnx":
        pytest.importorskip("tf2onnx")
        pytest.importorskip("onnxruntime")
    exporter = registry.load("exporter", name)
    output = tmp_path / f'it\'s "mine"{exporter.suffix}'
    done = final.export(NORMED, CONFIG, DIGITS, output=output, exporter=exporter, epochs=1)
    path = card.write(done, NORMED, CONFIG, DIGITS, exporter, "candidate 3")
    (example,) = re.findall(r"```python\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
    names = {"images": DIGITS.test.x}
    exec(example, names)  # what this very test has written
    assert np.mean(names["classes"] == DIGITS.test.y) == pytest.approx(done.test_accuracy, abs=0.01)


def test_the_interval_is_wilsons() -> None:
    # Agresti and Coull (1998): none of 20.
    assert card.wilson(0.0, 20) == pytest.approx((0.0, 0.161), abs=1e-3)
    assert card.wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert card.wilson(1.0, 360)[1] == 1.0
