"""The errors that a user can mend, those that a candidate can earn, and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

DONE = 0
FAILED = 1
USAGE = 2  # wrong command line, configuration or input
STOPPED = 75  # stopped in time, submit again


class InputError(Exception):
    """A configuration, a file or a command line that cannot be used: one line, exit code 2."""


class StorageError(Exception):
    """The run directory cannot be written (full or read-only disk): one line, exit code 1."""


class FarmError(Exception):
    """No worker is left, or MPI itself failed: one line, exit code 1; the run can be resumed."""


class Failure(Exception):
    """An evaluation that comes to nothing, which is data: the search goes on.

    Attributes:
        reason: One word for the statistics: "infeasible", "nan", "too_slow", ...
        fault: Whose it is: "candidate", or "machine": then it is tried again elsewhere.
    """

    def __init__(self, reason: str, fault: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.fault = reason, fault


class Infeasible(Failure):
    """A candidate that is no network of the search space.

    Attributes:
        limit: Which limit it exceeds, in one word: "too_large", "too_deep", ...
    """

    def __init__(self, limit: str, detail: str) -> None:
        super().__init__("infeasible", "candidate", detail)
        self.limit = limit


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Turn the absence of a package into one line that names the extra which installs it.

    Raises:
        InputError: A package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("mpineat"):
            raise
        raise InputError(
            f"this needs {error.name}, which the extra {name!r} installs: "
            f"pip install 'mpineat[{name}]', in a clone pip install '.[{name}]'"
        ) from error


def complain(error: Exception, code: int) -> int:
    """Write the error's lines to standard error; return `code`."""
    for line in str(error).splitlines():
        print(f"mpineat: {line}", file=sys.stderr)
    return code
