"""What a user is told is lines of print, whatever the names in it hold."""

from __future__ import annotations

from mpineat.errors import InputError, shown


def test_control_characters_are_escaped_and_letters_are_not() -> None:
    assert shown("Zürich 東京 a b") == "Zürich 東京 a b"
    assert shown("a\x1b[31m\nb\t\x07") == r"a\x1b[31m\nb\t\x07"
    assert shown("\udcff\u202e\x9b") == r"\udcff\u202e\x9b"
    assert shown(shown("\n\\")) == shown("\n\\")


def test_a_name_cannot_forge_a_line_of_a_complaint() -> None:
    error = InputError("first: one", "second: a\nmpineat: all is well")
    assert str(error).splitlines() == ["first: one", r"second: a\nmpineat: all is well"]
