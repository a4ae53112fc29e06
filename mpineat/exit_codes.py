"""What a command tells the shell (fixed), and how it tells a person of an error."""

from __future__ import annotations

import sys

DONE = 0
FAILED = 1
USAGE = 2  # wrong command line, configuration or input
STOPPED = 75  # stopped in time, submit again


def complain(error: Exception, code: int) -> int:
    """Write the error's lines to standard error; return `code`."""
    for line in str(error).splitlines():
        print(f"mpineat: {line}", file=sys.stderr)
    return code
