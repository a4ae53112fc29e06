"""The configuration of a run directory: written by another version, still read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpineat.config import Config, earlier, yaml_file
from mpineat.config.difference import flat
from mpineat.errors import InputError


def written(without: str = "", more: str = "") -> str:
    """Return the defaults as a run directory has them, without an option, with lines added."""
    lines = yaml_file.dumps(Config()).splitlines()
    kept = [line for line in lines if not line.startswith(f"  {without}:")]
    at = kept.index("training:") + 1
    return "\n".join([*kept[:at], *more.splitlines(), *kept[at:]])


def test_unknown_options_are_left_out_and_said_with_their_lines() -> None:
    text = written(more="  future_option: {a: 3}") + "\nfuture_section:\n  b: 4\n"
    recorded = earlier.loads(text, "config.yaml")
    assert recorded.config == Config()
    assert list(recorded.unknown) == ["training.future_option", "future_section"]
    line = text.splitlines().index("  future_option: {a: 3}") + 1
    assert recorded.problems[0].startswith(f"config.yaml:{line}: training.future_option: left out")
    with pytest.raises(InputError, match="future_option: unknown option"):
        yaml_file.loads(text)


def test_a_value_that_cannot_be_is_an_error_all_the_same() -> None:
    with pytest.raises(InputError, match=r"training\.epochs: input should be greater"):
        earlier.loads("training: {epochs: 0}", "config.yaml")


def test_an_option_newer_than_the_run_takes_the_value_that_did_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(earlier, "BEFORE", {"training.batch_size": 5})  # pretended to be new
    recorded = earlier.loads(written(without="batch_size"), "config.yaml")
    assert recorded.config.training.batch_size == 5
    assert earlier.loads(written(), "config.yaml").lacking == {}
    # The user's own file says nothing of it either: the same command goes on with the run.
    own = tmp_path / "own.yaml"
    own.write_text("training: {epochs: 3}\n")
    assert earlier.load_user(own, [], recorded.lacking).training.batch_size == 5
    words = ["training.batch_size=9"]
    assert earlier.load_user(own, words, recorded.lacking).training.batch_size == 9


def test_every_value_of_before_is_one_of_an_option() -> None:
    assert set(earlier.BEFORE) <= set(flat(Config()))
    found = flat(earlier.loads("", "config.yaml").config)
    assert {name: found[name] for name in earlier.BEFORE} == earlier.BEFORE


def test_a_run_directorys_file_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("")
    link = tmp_path / "config.yaml"
    link.symlink_to(tmp_path / "other.yaml")
    assert yaml_file.load(link) == Config()  # a user may keep it where he likes
    with pytest.raises(InputError, match="cannot read the configuration: a symbolic link"):
        earlier.load(link)
