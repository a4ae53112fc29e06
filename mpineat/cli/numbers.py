"""Numbers of the command line, in the bounds that they make sense in."""

from __future__ import annotations

import argparse

MOST = 1_000_000  # epochs, generations or minutes
MOST_SEED = 2**63


def positive(word: str) -> int:
    """Read epochs, generations, images or GPUs."""
    try:
        number = int(word)
    except ValueError:
        number = 0
    if not 0 < number <= MOST:
        raise argparse.ArgumentTypeError(f"expected 1 to {MOST}, found {word!r}")
    return number


def minutes(word: str) -> float:
    """Read minutes, whole or not."""
    try:
        number = float(word)
    except ValueError:
        number = 0.0
    if not 0 < number <= MOST:
        raise argparse.ArgumentTypeError(f"expected more than 0, to {MOST}, found {word!r}")
    return number


def seed(word: str) -> int:
    """Read a seed."""
    if not (word.isascii() and word.isdigit() and int(word[:20]) < MOST_SEED):
        raise argparse.ArgumentTypeError(f"expected 0 to {MOST_SEED - 1}, found {word!r}")
    return int(word)
