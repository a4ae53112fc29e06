"""The commands as a shell sees them: output, exit codes, what is loaded."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mpineat import __version__, open_run
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


def test_an_architecture_is_exported_without_tensorflow(tmp_path: Path) -> None:
    words = ("configs/digits.yaml", tmp_path / "run", "farm.evaluator=dry_run")
    assert mpineat("run", *words, "evolution.generations=1").returncode == 0
    output = tmp_path / "winner.json"
    code = (
        "import sys; sys.modules['tensorflow'] = None; from mpineat.cli.main import main;"
        "sys.exit(main(['export', sys.argv[1], '--format', 'json', '-o', sys.argv[2]]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run"), str(output)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert found.returncode == 0, found.stderr
    assert "the architecture alone, nothing was trained" in found.stdout
    assert open_run(tmp_path / "run").best.network_before == json.loads(output.read_text())


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
        (["check", "/dev/zero"], "/dev/zero: cannot read the configuration: not a regular file"),
        (["check", "a\x1b[31m\nb.yaml"], r"a\x1b[31m\nb.yaml: cannot read the configuration"),
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


def test_a_run_directory_may_hold_an_equals_sign_behind_a_slash(tmp_path: Path) -> None:
    words = ("farm.evaluator=dry_run", "evolution.generations=1", "evolution.candidates=2")
    found = mpineat("run", ROOT / "configs/digits.yaml", "runs/lr=0.01", *words, cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "runs" / "lr=0.01" / "config.yaml").exists()


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "2>&- >&-"])
@pytest.mark.parametrize("command", ["check", "run"])
def test_output_that_goes_nowhere_ends_without_a_traceback(
    tmp_path: Path, command: str, redirection: str
) -> None:
    words = [sys.executable, "-m", "mpineat", command]
    if command == "run":
        options = ("farm.evaluator=dry_run", "evolution.generations=1", "evolution.candidates=2")
        words += ["configs/digits.yaml", str(tmp_path / "run"), *options]
    script = f'"$@" {redirection}'
    found = subprocess.run(
        ["sh", "-c", script, "sh", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=120
    )
    full = redirection == ">/dev/full"
    assert found.returncode == (1 if full and command != "run" else 0)
    assert len(found.stderr.splitlines()) == full
    assert ("cannot be written" in found.stderr) == full
    if command == "run":
        assert (tmp_path / "run" / "generations" / "generation_0000.h5").exists()


def test_launches_stopped_before_one_evaluation_ends_do_not_go_on_for_ever(tmp_path: Path) -> None:
    words = ("run", "configs/digits.yaml", tmp_path / "run", "--resume", "evolution.generations=1")
    slow = ("farm.evaluator=dry_run", "farm.dry_run_seconds=600", "run.grace_seconds=0")
    codes = [mpineat(*words, *slow, "run.wall_minutes=0.001").returncode for _ in range(2)]
    third = mpineat(*words, *slow, "run.wall_minutes=0.1")  # the first evaluation has begun
    assert [*codes, third.returncode] == [75, 75, 1]
    assert "stopping: 0 evaluations are given 0 s; 1 would take longer: ended" in third.stdout
    assert "3 launches in a row were stopped before one evaluation ended" in third.stderr
    assert "the time limit is shorter than an evaluation" in third.stderr


def test_a_run_of_another_version_is_read_and_not_gone_on_with(tmp_path: Path) -> None:
    words = ("run", "configs/digits.yaml", tmp_path, "farm.evaluator=dry_run", "--resume")
    assert mpineat(*words, "evolution.generations=1").returncode == 0
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("training:\n", "training:\n  future_option: 3\n"))
    before = path.read_bytes()
    for command in (
        ("status", tmp_path),
        ("results", tmp_path),
        ("export", tmp_path, "--format", "json", "-o", tmp_path / "a\x1b[2J.json"),
    ):
        found = mpineat(*command)
        assert found.returncode == 0, found.stderr
        assert "\x1b" not in found.stdout
        assert "training.future_option: left out" in found.stdout + found.stderr
    refused = mpineat(*words, "evolution.generations=2")
    assert refused.returncode == 2
    assert f"training.future_option: mpineat {__version__} has no such option" in refused.stderr
    assert path.read_bytes() == before


@pytest.mark.tensorflow
def test_a_search_in_which_nothing_could_be_trained_fails_and_says_why(tmp_path: Path) -> None:
    tiny = ("evolution.generations=1", "evolution.candidates=1", "search_space.max_flops=2e6")
    found = mpineat("run", "configs/digits.yaml", tmp_path, *tiny, "training.max_minutes=1e-5")
    assert found.returncode == 1
    assert "none of 1 candidate could be trained: 1 too_slow; candidate 0: " in found.stderr
    assert (tmp_path / "generations" / "generation_0000.h5").exists()


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


@pytest.mark.parametrize("number", ["0", "-1", "1e9", "9" * 5000])
def test_epochs_that_are_none_are_refused(number: str) -> None:
    found = mpineat("export", "nowhere", "-o", "a.keras", f"--epochs={number}")
    assert found.returncode == 2
    assert "argument --epochs: expected 1 to 1000000, found" in found.stderr


def test_results_are_a_row_a_candidate_with_problems_on_the_side(tmp_path: Path) -> None:
    words = ("farm.evaluator=dry_run", "evolution.generations=2", "evolution.candidates=4")
    assert mpineat("run", "configs/digits.yaml", tmp_path, *words).returncode == 0
    damaged = tmp_path / "generations" / "generation_0001.h5"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    found = mpineat("results", tmp_path, "--format", "csv", "--sort", "accuracy", "--reverse")
    assert found.returncode == 0
    rows = list(csv.DictReader(found.stdout.splitlines()))
    assert len(rows) == 8  # the damaged generation is still in the journal
    accuracies = [float(row["accuracy"]) for row in rows if row["accuracy"]]
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
