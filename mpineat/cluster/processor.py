"""What this machine's processor is called, and how many of its threads this process may use."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def name(listing: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name as Linux has it; elsewhere what Python knows, or "unknown"."""
    try:
        text = listing.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    # "model name" on x86, "cpu" on POWER; an ARM server often says neither.
    found = re.search(r"^(?:model name|cpu)\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine() or "unknown"


def threads() -> int:
    """Return how many hardware threads this process may run on."""
    return len(os.sched_getaffinity(0))
