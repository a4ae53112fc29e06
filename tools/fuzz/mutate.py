"""Random changes of a text or of words, as a slip of the hand or an enemy makes them."""

from __future__ import annotations

import random
from collections.abc import Sequence

# What has broken YAML readers and command lines before.
BITS = (
    *("[", "]", "{", "}", ":", ": ", "- ", ",", "#", "&a ", "*a", "<<: ", "? ", "|\n", ">\n"),
    *("!!int ", "!!binary ", "!x ", "---\n", "...\n", "%TAG", "@", "`", "'", '"', "\\", "\t"),
    *("\n", "\r", "\0", "\x1b[2J", "\x85", "\u2028", "\ufeff", "\udcff", "é", "\U0001f600", "~"),
    *("null", ".nan", "-.inf", "1e999", "9" * 5000, "0x", "0o9", "2001-13-45", "190:20:30"),
    *("-1", "0", "yes", "=", "/", "--"),
)


def text(draws: random.Random, good: str) -> str:
    """Return `good` with one to eight changes."""
    for _ in range(draws.randint(1, 8)):
        at = draws.randrange(len(good) + 1)
        end = min(len(good), at + draws.choice((0, 1, 1, 2, 10, 100)))
        match draws.randrange(5):
            case 0:  # loss
                good = good[:at] + good[end:]
            case 1:  # something else in its place
                good = good[:at] + draws.choice(BITS) + good[end:]
            case 2:  # repetition, at times of much
                good = good[:at] + good[at:end] * draws.choice((2, 3, 1000)) + good[end:]
            case 3:  # a bit moved
                other = draws.randrange(len(good) + 1)
                good = good[:other] + good[at:end] + good[other:]
            case 4:  # nesting
                depth = draws.choice((1, 5, 30, 3000))
                good = good[:at] + "[" * depth + good[at:end] + "]" * depth + good[end:]
    return good


def words(draws: random.Random, good: Sequence[str], others: Sequence[str]) -> list[str]:
    """Return `good` with one to four words lost, added, changed or moved."""
    found = list(good)
    for _ in range(draws.randint(1, 4)):
        at = draws.randrange(len(found) + 1)
        match draws.randrange(4):
            case 0:
                del found[at : at + 1]
            case 1:
                found.insert(at, draws.choice(others))
            case 2:
                found[at : at + 1] = [text(draws, "".join(found[at : at + 1])).replace("\0", "")]
            case 3:
                found.insert(at, found.pop(draws.randrange(len(found))) if found else "")
    return found
