"""The floors that setup.cfg promises are the ones that .ci/run installs."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Releases that need TensorFlow are tried by tools/check_old_tensorflow.sh.
WITH_TENSORFLOW = {"tensorflow", "tf2onnx", "onnxruntime"}
EXTRAS = ("report", "completion", "data", "images", "test")


def test_every_floor_is_installed_on_the_oldest_python() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"]
    wanted += "\n" + "\n".join(setup["options.extras_require"][extra] for extra in EXTRAS)
    floors = dict(re.findall(r"^([\w-]+(?:\[\w+\])?)>=([\d.]+)", wanted, re.MULTILINE))
    oldest = (ROOT / "constraints-oldest.txt").read_text()
    installed = dict(re.findall(r"^([\w-]+(?:\[\w+\])?)==([\d.]+)$", oldest, re.MULTILINE))
    assert set(installed) == set(floors) - WITH_TENSORFLOW
    for name, version in installed.items():
        assert re.sub(r"(\.0)+$", "", version) == re.sub(r"(\.0)+$", "", floors[name]), name
