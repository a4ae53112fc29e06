"""What a person reads of numbers and names."""

import pytest

from mpineat import units


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("naïve 模型 🙂 \\ 'plain'", "naïve 模型 🙂 \\ 'plain'"),
        ("a\x1b[31m\nb\t\x7f\x9b", r"a\x1b[31m\nb\t\x7f\x9b"),
        ("user\u202egnp.exe\u2066", r"user\u202egnp.exe\u2066"),
        ("not UTF-8: \udcff", r"not UTF-8: \udcff"),
    ],
)
def test_a_name_is_shown_in_one_line_that_no_terminal_obeys(text: str, shown: str) -> None:
    assert units.printable(text) == shown
