"""The commands as a shell sees them: output, exit codes, what is loaded."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from mpineat.config import yaml_file

ROOT = Path(__file__).parents[2]


def mpineat(*words: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment_free = [sys.executable, "-m", "mpineat", *(str(word) for word in words)]
    return subprocess.run(
        environment_free, capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )


def test_check_explains_and_loads_neither_tensorflow_nor_mpi() -> None:
    code = (
        "import sys; from mpineat.cli.main import main; code = main(['check']);"
        "print([m for m in ('tensorflow', 'keras', 'mpi4py') if m in sys.modules], code)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    lines = found.stdout.splitlines()
    assert lines[-1] == "[] 0"
    assert any(line.startswith("data set") and "8x8x1, 10 classes" in line for line in lines)
    assert any(line.startswith("work") and "48 trainings" in line for line in lines)


def test_check_lists_every_option() -> None:
    text = mpineat("check", "--options").stdout
    missing = [name for name, *_ in yaml_file.options() if f"  {name}: " not in text]
    assert missing == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml: cannot read the configuration"),
        (["check", "training.epochs=no"], "command line: training.epochs: input should be a valid"),
        (["check", "dataset.name=mnist", "dataset.path=nowhere"], "nowhere"),
        (["run", "a.yaml", "b", "c"], "command line: 'c': expected section.option=value"),
        (["status", "nowhere"], "nowhere: no such directory"),
        (["report", "nowhere"], "nowhere: no such directory"),
        (["results", "nowhere"], "nowhere: no such directory"),
        (["summarize", "nowhere"], "nowhere: no run of mpineat here or one folder below"),
    ],
)
def test_bad_input_ends_with_one_line_and_code_2(words: list[str], message: str) -> None:
    found = mpineat(*words)
    assert found.returncode == 2, found.stderr
    assert found.stdout == ""
    assert len(found.stderr.splitlines()) == 1
    assert found.stderr.startswith("mpineat: ")
    assert message in found.stderr


def test_an_empty_search_space_is_refused_by_check() -> None:
    found = mpineat("check", "search_space.max_flops=10")
    assert found.returncode == 2
    assert "max_flops" in found.stderr


def test_a_used_run_directory_is_refused_and_resume_accepted(tmp_path: Path) -> None:
    words = ("run", "configs/digits.yaml", tmp_path / "run", "farm.evaluator=dry_run")
    assert mpineat(*words, "evolution.generations=1").returncode == 0
    again = mpineat(*words, "evolution.generations=2")
    assert again.returncode == 2
    assert "already holds a run; --resume continues it" in again.stderr
    longer = mpineat(*words, "--resume", "evolution.generations=2")
    assert longer.returncode == 0, longer.stderr
    assert (tmp_path / "run" / "generations" / "generation_0001.h5").exists()
    other = mpineat(*words, "training.epochs=3", "--resume")
    assert other.returncode == 2
    assert "training.epochs: the run has 12, found 3" in other.stderr


def test_default_run_directory_is_named_after_configuration_and_seed(tmp_path: Path) -> None:
    found = mpineat(
        "run", "farm.evaluator=dry_run", "evolution.generations=1", "run.seed=7", cwd=tmp_path
    )
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "runs" / "digits-s7" / "config.yaml").exists()


def test_a_run_directory_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = mpineat("run", "configs/digits.yaml", tmp_path / "file" / "run")
    assert found.returncode == 1
    assert len(found.stderr.splitlines()) == 1
    assert "cannot be written" in found.stderr


def test_an_unknown_flag_is_refused() -> None:
    found = mpineat("check", "--optoins")
    assert found.returncode == 2
    assert "unrecognized arguments: --optoins" in found.stderr


def test_results_are_a_row_a_candidate_with_problems_on_the_side(tmp_path: Path) -> None:
    words = ("farm.evaluator=dry_run", "evolution.generations=2", "evolution.candidates=4")
    assert mpineat("run", "configs/digits.yaml", tmp_path, *words).returncode == 0
    damaged = tmp_path / "generations" / "generation_0001.h5"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    found = mpineat("results", tmp_path, "--format", "csv", "--sort", "accuracy", "--reverse")
    assert found.returncode == 0
    accuracies = [float(row["accuracy"]) for row in csv.DictReader(found.stdout.splitlines())]
    assert len(accuracies) == 8  # the damaged generation is still in the journal
    assert accuracies == sorted(accuracies)
    assert found.stderr.startswith(f"problem: {damaged}: ")
    unknown = mpineat("results", tmp_path, "--sort", "precision")
    assert unknown.returncode == 2
    assert "--sort precision: no such column; expected one of id, " in unknown.stderr


def test_figures_that_cannot_be_written_end_in_one_line_and_code_1(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    words = ("farm.evaluator=dry_run", "evolution.generations=1", "evolution.candidates=4")
    assert mpineat("run", "configs/digits.yaml", tmp_path / "run", *words).returncode == 0
    (tmp_path / "file").write_text("")
    found = mpineat("summarize", tmp_path / "run", "--figures", tmp_path / "file" / "figures")
    assert found.returncode == 1
    assert found.stderr.splitlines() == [
        f"mpineat: {tmp_path}/file/figures: cannot be written: Not a directory"
    ]


def test_the_parser_alone_loads_nothing_and_knows_every_format() -> None:
    code = (
        "import sys; from mpineat.cli.parser import parser; top = parser();"
        "assert not {'numpy', 'yaml', 'importlib.metadata'} & set(sys.modules), sys.modules.keys();"
        "top.parse_args(['export', 'runs/a', '--format', 'h5', '-o', 'a'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "choose from 'keras', 'savedmodel', 'onnx', 'json'" in found.stderr.replace("\n", " ")
