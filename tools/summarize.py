#!/usr/bin/env python3
"""`mpineat summarize` in a checkout, installed or not: the thesis's tables 1-3 and its figures.

Example:
    python tools/summarize.py runs/cifar10-* --format md --figures figures
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mpineat.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["summarize", *sys.argv[1:]]))
