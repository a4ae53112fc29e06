"""tools/summarize.py over real run directories, whole, unfinished, damaged and wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / "tools" / "summarize.py"
OPTIONS = (
    "farm.evaluator=dry_run",
    "evolution.generations=2",
    "evolution.candidates=4",
    "evolution.early_discarding=none",
)


def search(run_dir: Path, *options: str) -> None:
    command = [sys.executable, "-m", "mpineat", "run", "configs/digits.yaml", str(run_dir)]
    subprocess.run([*command, *OPTIONS, *options], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        for compressed in ("false", "true"):
            search(
                folder / f"{compressed}-{seed}",
                f"run.seed={seed}",
                f"compression.enabled={compressed}",
            )
    return folder


@pytest.fixture
def runs(pairs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pairs, tmp_path / "runs"))


def summarize(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TOOL), *map(str, words)]
    return subprocess.run(command, text=True, capture_output=True, cwd=ROOT)


def as_json(*words: object) -> tuple[Any, Sequence[str]]:
    done = summarize(*words, "--format", "json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    (comparison,) = value["comparisons"]
    return comparison, value["notes"]


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def test_pairs_of_runs_give_speed_up_and_degradation(runs: Path) -> None:
    comparison, _ = as_json(runs)
    assert comparison["data_set"] == "digits"
    for group in ("plain", "compressed"):
        assert [run["seed"] for run in comparison[group]["runs"]] == [0, 1]
        assert comparison[group]["accuracy_percent"]["count"] == 8
        assert 0 < comparison[group]["busy_share"] <= 1
    assert comparison["speed_up"]["low"] <= comparison["speed_up"]["value"]
    assert comparison["degradation_percent_points"]["low"] is not None


def test_text_prints_all_three_tables(runs: Path) -> None:
    done = summarize(*sorted(runs.iterdir()))
    for number in (1, 2, 3):
        assert f"Table {number}." in done.stdout


def test_one_damaged_and_one_unfinished_run(runs: Path) -> None:
    damage(runs / "false-0" / "generations" / "generation_0000.h5")
    (runs / "true-1" / "generations" / "generation_0001.h5").unlink()

    comparison, notes = as_json(runs)

    plain, compressed = comparison["plain"], comparison["compressed"]
    assert [run["state"] for run in plain["runs"]] == ["damaged", "whole"]
    assert [run["state"] for run in compressed["runs"]] == ["whole", "unfinished"]
    assert plain["minutes"]["count"] == compressed["minutes"]["count"] == 1
    assert comparison["speed_up"]["value"] > 0
    # The damaged run's last generation is whole, and so are its accuracies.
    assert plain["accuracy_percent"]["count"] == 8
    assert compressed["accuracy_percent"]["count"] == 4
    assert any("generation_0000.h5" in note and "damaged" in note for note in notes)
    assert any("true-1: unfinished" in note for note in notes)


def test_unfinished_runs_are_compared_over_the_generations_that_all_have(runs: Path) -> None:
    (runs / "true-1" / "generations" / "generation_0001.h5").unlink()

    comparison, _ = as_json(runs, "--generations", 1)

    assert comparison["compressed"]["minutes"]["count"] == 2


def test_a_run_without_its_config_is_read_from_its_generations(runs: Path) -> None:
    (runs / "true-0" / "config.yaml").unlink()

    comparison, notes = as_json(runs)

    assert comparison["compressed"]["minutes"]["count"] == 2
    assert any("config.yaml" in note for note in notes)


def test_single_group(runs: Path) -> None:
    comparison, notes = as_json(runs / "true-0", runs / "true-1")
    assert (comparison["plain"], comparison["speed_up"]) == (None, None)
    assert comparison["compressed"]["minutes"]["count"] == 2
    assert any("no plain run" in note for note in notes)


def test_a_copy_counts_once_and_a_stranger_is_named(runs: Path) -> None:
    shutil.copytree(runs / "true-0", runs / "true-0-copy")
    stranger = runs / "notes.txt"
    stranger.write_text("no run")

    comparison, notes = as_json(runs, stranger)

    assert comparison["compressed"]["minutes"]["count"] == 2
    assert any("a copy of" in note for note in notes)
    assert any(str(stranger) in note for note in notes)


def test_no_run_at_all_is_an_input_error(tmp_path: Path) -> None:
    done = summarize(tmp_path)
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_figures_are_written_and_named(runs: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = summarize(runs, "--figures", tmp_path / "figures")
    written = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert "time_and_accuracy.svg" in written
    assert "generations_digits.pdf" in written
    assert all(name in done.stderr for name in written)


def test_tables_need_neither_tensorflow_nor_mpi_nor_matplotlib(runs: Path) -> None:
    code = (
        "import sys; sys.argv[0] = sys.argv[1]; import runpy\n"
        "try: runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'tensorflow', 'keras', 'mpi4py', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, str(TOOL), str(runs)]
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
