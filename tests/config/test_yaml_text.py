"""What stands in a YAML file is bounded, and read as YAML 1.2 reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.config import yaml_text
from mpineat.errors import InputError


def values(text: str) -> dict[str, Any]:
    """Return what a text says."""
    return yaml_text.parse(text, "file").values


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("020", 20),
        ("0o20", 16),
        ("0x20", 32),
        ("-1_000", -1000),
        ("190:20:30", "190:20:30"),
        ("2001-01-01", "2001-01-01"),
        ("2001-13-45", "2001-13-45"),
        ("1e-9", 1e-9),
        ("1.", 1.0),
        ("1e", "1e"),
        (".", "."),
        ("off", "off"),
        ("yes", "yes"),
        ("TRUE", True),
        ("~", None),
        ("", None),
        ("'020'", "020"),
        ("!!str 020", "020"),
        ("-.inf", float("-inf")),
    ],
)
def test_scalars(scalar: str, value: object) -> None:
    found = values(f"a: {scalar}")["a"]
    assert (found, type(found)) == (value, type(value))


@given(st.text())
def test_every_text_comes_back(text: str) -> None:
    assert values(yaml_text.dump({"a": text})) == {"a": text}


@pytest.mark.parametrize("text", ["0o17", "1e5", "020", "1:20", "2001-01-01", "off", "<<", "1_0"])
def test_a_text_like_a_number_comes_back_as_text(text: str) -> None:
    assert values(yaml_text.dump({"a": text})) == {"a": text}


NINE = "".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k0: &k0 [x, x]\n" + NINE, r"file:5: not YAML: more than 5000 values"),
        ("a: &a [*a]", "file:1: not YAML: an alias inside of what it stands for"),
        ("a: " + "[" * 100_000, "file:1: not YAML: nested deeper than 20"),
        ("\n".join(f"k{n}:" for n in range(9000)), "file:2500: not YAML: more than 5000 values"),
        ("a: !!int x", "file:1: not YAML: expected a whole number, found 'x'"),
        ("a: !!float x", "file:1: not YAML: expected a number, found 'x'"),
        ("a: !!bool x", "file:1: not YAML: expected true or false, found 'x'"),
        ("a: " + "9" * 5000, "file:1: not YAML: expected a whole number, found '999"),
        ("a: !!timestamp x", "file:1: not YAML: the tag 'tag:yaml.org,2002:timestamp' means"),
        ("a: !!python/object/apply:os.system [id]", "means nothing here"),
        ("{a: 1}: 2", "file:1: not YAML: found unhashable key"),
        ("a: \0", "file: not YAML: unacceptable character"),
        ("[1, 2]", r"file:1: expected sections such as 'training:', found \[1, 2\]"),
    ],
)
def test_what_is_refused_is_said_in_a_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        values(text)
    assert len(str(caught.value)) < 200


def test_an_alias_may_be_used_in_bounds() -> None:
    found = values("a: &a {p: 1}\nb: *a\nc:\n  <<: *a\n  q: 2\n")
    assert found == {"a": {"p": 1}, "b": {"p": 1}, "c": {"p": 1, "q": 2}}


def test_what_is_no_file_of_a_sane_length_is_refused_unread(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "long").open("wb") as file:
        file.truncate(50 << 20)
    (tmp_path / "latin").write_bytes(b"a: \xff")
    for name, reason in (
        (tmp_path / "fifo", "not a regular file"),
        (tmp_path, "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path / "latin", "it is no UTF-8 text"),
        (tmp_path / "long", "expected a configuration, found more than 256 KiB"),
    ):
        with pytest.raises(InputError, match=reason):
            yaml_text.read(name)
