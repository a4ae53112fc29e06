"""Rows of text as columns for a terminal."""

from __future__ import annotations

from collections.abc import Container, Sequence


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]], left: Container[str]) -> str:
    """Return the lines of a table.

    Args:
        left: Headings whose columns are aligned to the left; the others, of numbers, to the right.
    """
    columns: list[Sequence[str]] = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    columns = [
        [cell.ljust(width) if column[0] in left else cell.rjust(width) for cell in column]
        for column, width in zip(columns, widths, strict=True)
    ]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
