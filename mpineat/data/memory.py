"""How much memory a data set may take: what a file declares is compared before it is read."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

from mpineat import units
from mpineat.errors import InputError

# Version 2 and version 1 of control groups, as a batch system or a container mounts them.
_GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def require(wanted: int, place: str, what: str) -> None:
    """Raise InputError where `wanted` bytes are more than this process can still have.

    Args:
        place: The file, and the array in it.
        what: That takes so much: "images of [1000000, 64, 64, 3]".
    """
    had = available()
    if wanted > had:
        raise InputError(
            f"{place}: expected what fits into the memory that is free here, "
            f"{units.count(had)}B, found {what} of {units.count(wanted)}B"
        )


def available() -> int:
    """Return the bytes that this process can still have: of the node, its job and its own limit."""
    figures = [_of_the_node()]
    for path in _GROUP_LIMITS:
        with suppress(OSError, ValueError):  # absent, or "max"
            figures.append(int(Path(path).read_text()))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        figures.append(soft - pages * resource.getpagesize())
    return max(0, min(figures))


def _of_the_node() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise InputError("/proc/meminfo: expected a line MemAvailable")
