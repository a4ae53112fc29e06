"""The examples of README, docs and --help, executed in order by one who has read nothing else."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mpineat.cli import main
from mpineat.cli.parser import parser

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
TEXT = "\n".join(path.read_text("utf-8") for path in DOCUMENTS)
BLOCKS = re.findall(r"^```(sh|python|yaml)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
# A shell block's lines are examples of their own, so that a failure names its line; what two
# documents show is executed once.
EXAMPLES = list(
    dict.fromkeys(
        (language, part)
        for language, text in BLOCKS
        for part in (text.splitlines() if language == "sh" else [text])
    )
)
COMMANDS = ("run", "check", "status", "results", "report", "export", "summarize", "data", "job")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that looks like a fresh clone."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("configs", "jobs", "tools", "mpineat", "docs"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def shortened(words: list[str]) -> list[str] | None:
    """Return the command with less work and this Python, None when its text alone is checked.

    A formula replaces the searches' training; exports train for one epoch.
    """
    if words[0] == "mpirun":
        words = words[words.index("python") :]  # one rank shows the same of the command line
    if words[0] != "python":
        return None
    words = [sys.executable, *words[1:]]
    if "mpineat" in words:
        command = words[words.index("mpineat") + 1 :]
        if command[:1] == ["run"]:
            words.append("farm.evaluator=dry_run")
        if command[:1] == ["export"]:
            words += ["--epochs", "1"]
        if command[:1] == ["data"]:  # would fetch hundreds of megabytes
            return None
    if any(word.endswith("experiment.py") for word in words):
        words += ["farm.evaluator=dry_run", "evolution.generations=2"]
        words[words.index("--ranks") + 1] = words[words.index("--seeds") + 1] = "1"
    return words


def execute(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"}
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def extras() -> set[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return set(setup["options.extras_require"])


def missing(text: str) -> str:
    """Return the packages that an example needs and that are not installed, or ""."""
    needed = {
        "onnx": ("tf2onnx", "onnxruntime"),
        "pandas": ("pandas",),
        "export": ("tensorflow",),
        "keras": ("tensorflow",),
    }
    wanted = [package for word in needed if word in text for package in needed[word]]
    return ", ".join(package for package in wanted if not importlib.util.find_spec(package))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_works(clone: Path, number: int) -> None:
    language, text = EXAMPLES[number]
    if absent := missing(text):
        pytest.skip(f"needs {absent}")
    if language == "yaml":
        name = re.match(r"# (\S+\.yaml)\n", text)
        assert name, "a configuration begins with its name"
        (clone / name[1]).write_text(text)
    elif language == "python":
        (clone / "example.py").write_text(text)
        execute([sys.executable, "example.py"], clone)
    else:
        assert language == "sh"
        check_line(text, clone)


def check_line(line: str, folder: Path) -> None:
    if "pip install" in line:  # .ci/run executes these in a fresh environment
        (wanted,) = re.findall(r"'\.\[(.*?)\]'", line)
        assert set(wanted.split(",")) <= extras()
    elif match := re.fullmatch(r"(?:bsub <|sbatch|qsub) (\S+)", line):
        execute(["bash", "-n", match[1]], folder)
    else:
        words = shortened(shlex.split(line))
        assert words is not None, f"no test knows how to execute {line!r}"
        execute(words, folder)


def test_every_command_that_the_text_names_exists() -> None:
    for command in re.findall(r"`python -m mpineat ([^`]*)`", TEXT):
        parser().parse_args(shlex.split(command))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_an_example_that_works(clone: Path, command: str) -> None:
    if absent := missing(command):
        pytest.skip(f"needs {absent}")
    text = execute([sys.executable, "-m", "mpineat", command, "--help"], clone)
    example = re.search(r"Example:\n  (.+)", text)
    assert example, text
    words = shlex.split(example[1])
    if "runs/digits-s0" in words and not (clone / "runs/digits-s0").exists():
        search = "-m mpineat run configs/digits.yaml runs/digits-s0 evolution.generations=1"
        execute([sys.executable, *search.split(), "farm.evaluator=dry_run"], clone)
    short = shortened(words)
    if short is None or command == "export":  # what README's does is executed above
        parser().parse_args(words[words.index("mpineat") + 1 :])
    else:
        execute(short, clone)


def test_options_are_all_listed_with_their_meaning(clone: Path) -> None:
    from mpineat.config.yaml_file import options

    text = execute([sys.executable, "-m", "mpineat", "check", "--options"], clone)
    for name, _, _, meaning in options():
        assert name in text
        assert meaning
        assert meaning in text


@pytest.mark.skipif(not importlib.util.find_spec("shtab"), reason="needs shtab")
@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)


def test_completion_without_its_extra_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main.main(["--print-completion", "bash"]) == 2
    assert "the extra 'completion' installs" in capsys.readouterr().err
