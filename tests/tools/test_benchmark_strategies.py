"""The comparison of strategies on a surrogate of real trainings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def compared(output: Path) -> str:
    words = ["--data", "digits", "--strategies", "codeepneat,random", "--seeds", "2"]
    command = [
        sys.executable,
        str(ROOT / "tools" / "benchmark.py"),
        "strategies",
        "compare",
        *words,
    ]
    # Matrices of a hundred rows are slower on several threads.
    return subprocess.run(
        [*command, "--evaluations", "60", "--output", str(output)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ).stdout


def test_a_comparison_says_how_good_its_surrogate_is_and_repeats_itself(tmp_path: Path) -> None:
    text = compared(tmp_path / "first")
    assert float(text.split("rank correlation ")[1].split(",")[0]) > 0.6
    assert "| codeepneat | " in text
    assert (tmp_path / "first" / "digits.svg").exists()
    curves = json.loads((tmp_path / "first" / "digits.json").read_text())
    assert [len(curve) for curve in curves["random"]] == [60, 60]
    compared(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "digits.json").read_text()) == curves
