"""examples/reader.py, installed as a package of somebody else's: checked and searched with."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.installed import ROOT, install, mpineat

EXAMPLE = ROOT / "examples" / "reader.py"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, count in (("train", 20), ("test", 5)):
        for name in ("asleep", "awake", "away"):
            folder = tmp_path / "faces" / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (12, 10), np.uint8).tobytes()
                (folder / f"{index}.pgm").write_bytes(b"P5\n10 12\n255\n" + pixels)
    return tmp_path / "faces"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    entry_point = re.search(r"^ +(pgm = .*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert entry_point is not None
    return install(tmp_path / "site", EXAMPLE, reader=entry_point[1].replace('"', ""))


@pytest.mark.tensorflow
def test_the_example_is_checked_and_searched_with(
    faces: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    words = ("dataset.name=pgm", f"dataset.path={faces}")
    found = mpineat("check", *words, env=environment)
    assert found.returncode == 0, found.stderr
    assert "pgm, 12x10x1, 3 classes, 42 examples to train" in found.stdout
    assert "digits | mnist" in (options := mpineat("check", "--options", env=environment).stdout)
    assert "folder | pgm" in options

    small = ("evolution.generations=1", "evolution.candidates=1", "training.epochs=1",
             "search_space.max_flops=1e6", "final.candidates=0")  # fmt: skip
    run = mpineat("run", ROOT / "configs/digits.yaml", tmp_path / "run", *words, *small,
                  env=environment, cwd=tmp_path)  # fmt: skip
    assert run.returncode == 0, run.stderr
    status = mpineat("status", tmp_path / "run", "--json", env=environment)
    assert status.returncode == 0, status.stderr
    without = mpineat("check", *words)
    assert without.returncode == 2
    assert "dataset.name: expected one of digits, mnist" in without.stderr


def test_what_the_example_cannot_read_ends_with_one_line(
    faces: Path, environment: dict[str, str]
) -> None:
    def complaint(*words: str) -> str:
        found = mpineat("check", "dataset.name=pgm", *words, env=environment)
        assert found.returncode == 2
        return found.stderr

    assert complaint() == ("mpineat: dataset.path: data set 'pgm' needs the folder of its images\n")
    assert "faces/none/train: expected CLASS/*.pgm" in complaint(f"dataset.path={faces / 'none'}")
    (faces / "train" / "asleep" / "0.pgm").write_bytes(b"P5 10 12 255 short")
    assert "0.pgm: expected one whole .pgm image" in complaint(f"dataset.path={faces}")
