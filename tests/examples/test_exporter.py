"""examples/exporter.py, installed as a package of somebody else's: offered, written, loaded."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from mpineat.config import Config, Dataset
from mpineat.data.dataset import open_dataset
from tests.installed import ROOT, install, mpineat
from tests.searches import configured, search

EXAMPLE = ROOT / "examples" / "exporter.py"


def test_the_example_is_offered_and_written(tmp_path: Path) -> None:
    entry_point = re.search(r"^ +(tflite = .*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert entry_point is not None
    env = install(tmp_path / "site", EXAMPLE, exporter=entry_point[1].replace('"', ""))
    run_dir, output = tmp_path / "run", tmp_path / "digits.tflite"
    small = configured(generations=1, candidates=2).model_dump()
    search(run_dir, Config.model_validate({**small, "search_space": {"max_flops": 2e6}}))
    words = ["export", str(run_dir), "--format", "tflite", "-o"]

    assert "json, tflite" in mpineat("export", "--help", env=env).stdout
    # One start of TensorFlow for both.
    wrong, right = [*words, str(tmp_path / "digits.bin")], [*words, str(output), "--epochs", "3"]
    code = f"import sys; from mpineat.cli.main import main; main({wrong}); sys.exit(main({right}))"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)

    assert "expected a name that ends in .tflite for --format tflite" in done.stderr
    assert done.returncode == 0, done.stderr
    assert f'load it with tf.lite.Interpreter(model_path="{output}")' in done.stdout
    (said,) = re.findall(r"test accuracy (\S+)", done.stdout)
    assert abs(accuracy(output) - float(said)) < 0.01


def accuracy(model: Path) -> float:
    """Return the file's accuracy on the test images of the digits."""
    test = open_dataset(Dataset(), 0).test
    interpreter = tf.lite.Interpreter(model_path=str(model))
    image = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(image, test.x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image, test.x)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return float(np.mean(found.argmax(axis=-1) == test.y))
