"""The errors that a user can mend, those that a candidate can earn, and the exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

DONE = 0
FAILED = 1
USAGE = 2  # wrong command line, configuration or input
STOPPED = 75  # stopped in time, submit again


def shown(text: str) -> str:
    """Return `text` as one line of print: control characters, line feeds, lone surrogates escaped.

    Names come from other people: one with an escape sequence must not repaint a terminal, one with
    a line feed must not forge a line of the log.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class Complaint(Exception):
    """What a user is told instead of a traceback; each argument is one line."""

    def __str__(self) -> str:
        """Return the lines, fit for a terminal or a log."""
        return "\n".join(shown(str(line)) for line in self.args)


class InputError(Complaint):
    """A configuration, a file or a command line that cannot be used: exit code 2."""


class StorageError(Complaint):
    """The run directory cannot be written (full or read-only disk): exit code 1."""


class FarmError(Complaint):
    """No worker is left, or MPI itself failed: exit code 1; the run can be resumed."""


class Fruitless(Complaint):
    """The search came to nothing, and the same command would again: exit code 1."""


class Stopped(Complaint):
    """The run was asked to stop in time; everything finished is on disk: exit code 75."""


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


class Known(Infeasible):
    """A candidate whose network the run has evaluated: nothing is wrong with it but that."""

    def __init__(self, detail: str) -> None:
        super().__init__("known", detail)


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
