"""What is packed, and the floors that setup.cfg promises."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Releases that need TensorFlow are tried by tools/check_old_tensorflow.sh.
WITH_TENSORFLOW = {"tensorflow", "tf2onnx", "onnxruntime"}
BROUGHT_BY_EXTRAS = {"tqdm"}  # pooch[progress]: constraints have no extras
EXTRAS = ("report", "completion", "data", "images", "test")
# What is neither ours nor made by git, and the list of files that an earlier build left.
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".*cache", ".power", ".old*", "*.egg-info", "build", "dist", "runs"
)


def build(kind: str, source: Path, folder: Path) -> Path:
    """Build an "sdist" or a "wheel" with what is installed, without a network."""
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (built,) = folder.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return built


def test_source_distribution_and_wheel_carry_what_they_promise(tmp_path: Path) -> None:
    for name in ("setuptools", "wheel"):  # new Pythons come without; .ci/run's oldest has both
        pytest.importorskip(name)
    shutil.copytree(ROOT, tmp_path / "checkout", ignore=LEFT_OUT, symlinks=True)
    with tarfile.open(build("sdist", tmp_path / "checkout", tmp_path)) as archive:
        archive.extractall(tmp_path)
    (source,) = (path for path in tmp_path.glob("mpineat-*") if path.is_dir())
    for folder in ("configs", "docs", "examples", "jobs", "mpineat", "tests", "tools", ".ci"):
        packed = {path.relative_to(source) for path in (source / folder).rglob("*.*")}
        wanted = {path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.*")}
        assert {path for path in wanted if path.suffix != ".pyc"} <= packed, folder

    with zipfile.ZipFile(build("wheel", source, tmp_path)) as wheel:
        embedded = {name for name in wheel.namelist() if name.startswith("mpineat/embedded/")}
    for folder, pattern in (("configs", "*.yaml"), ("jobs", "*.sh")):
        carried = {f"mpineat/embedded/{path.name}" for path in (ROOT / folder).glob(pattern)}
        assert carried <= embedded


def test_every_floor_is_installed_on_the_oldest_python() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options"]["install_requires"]
    wanted += "\n" + "\n".join(setup["options.extras_require"][extra] for extra in EXTRAS)
    floors = dict(re.findall(r"^([\w-]+)(?:\[\w+\])?>=([\d.]+)", wanted, re.MULTILINE))
    oldest = (ROOT / "constraints-oldest.txt").read_text()
    installed = dict(re.findall(r"^([\w-]+)==([\d.]+)$", oldest, re.MULTILINE))
    assert installed.keys() - BROUGHT_BY_EXTRAS == floors.keys() - WITH_TENSORFLOW
    for name in installed.keys() & floors.keys():
        oldest_release, floor = (re.sub(r"(\.0)+$", "", of[name]) for of in (installed, floors))
        assert oldest_release == floor, name
