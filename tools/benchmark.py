#!/usr/bin/env python3
"""Measure one thing: `benchmark.py NAME [options]`; without a name it says which there are."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOMS = (
    "evolution",
    "strategies",
    "compression",
    "ranking",
    "training",
    "recipe",
    "streaming",
    "farm",
    "store",
)


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in ROOMS:
        print(f"usage: benchmark.py {{{'|'.join(ROOMS)}}} [--help]", file=sys.stderr)
        return 0 if argv[:1] in (["-h"], ["--help"]) else 2
    sys.path.insert(0, str(Path(__file__).parent))
    room = importlib.import_module(f"bench.{argv[0]}")
    return int(room.main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
