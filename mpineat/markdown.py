"""Other people's text in Markdown, where it must stay text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mpineat.errors import shown

# GitHub's: emphasis, code, links, HTML, entities, cells, formulas, mentions, issues, addresses.
SPECIAL = re.compile(r"[\\`*_\[\]<>|~$&#@]|:(?=//)|(?<=www)\.")


def escaped(text: str) -> str:
    """Return `text` as one line that a reader of Markdown shows as it is."""
    return SPECIAL.sub(r"\\\g<0>", shown(text))


def table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> str:
    """Return a table of cells that are Markdown already."""
    rule = ("---",) * len(header)
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *rows))
