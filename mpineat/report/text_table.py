"""Tables as text: columns for a terminal, and CSV; names in them are shown escaped."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable, Sequence

from mpineat.errors import shown

Value = str | int | float | bool | None


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], left: Container[str]) -> str:
    """Return the lines of a table.

    Args:
        left: Headings whose columns are aligned to the left; the others, of numbers, to the right.
    """
    texts = [[shown(cell) for cell in row] for row in (header, *rows)]
    columns = [[*column] for column in zip(*texts, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    columns = [
        [cell.ljust(width) if name in left else cell.rjust(width) for cell in column]
        for name, column, width in zip(header, columns, widths, strict=True)
    ]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def comma_separated(header: Iterable[str], rows: Iterable[Iterable[Value]]) -> str:
    """Return RFC 4180's lines; a missing value is empty, numbers are in full."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_text, header))
    writer.writerows(
        [_text(value) if isinstance(value, str) else value for value in row] for row in rows
    )
    return text.getvalue()


def _text(cell: str) -> str:
    """Return a cell that a spreadsheet takes for text: one that begins as a formula gets a quote.

    No name that mpineat gives begins so; programs that read numbers find numbers unchanged.
    """
    text = shown(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
