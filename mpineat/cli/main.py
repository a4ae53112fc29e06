"""The command line: arguments in, exit code out. A command loads only the rooms that it needs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from mpineat.cli.parser import parser
from mpineat.cluster import launcher
from mpineat.errors import (
    DONE,
    FAILED,
    STOPPED,
    USAGE,
    Fruitless,
    InputError,
    Stopped,
    StorageError,
    complain,
    shown,
)

OF_NO_COMMAND = ("-h", "--help", "--version", "--print-completion")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 done, 1 failed, 2 usage or input, 75 stopped."""
    _open_standard_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0].startswith("-") and words[0] not in OF_NO_COMMAND):
        words.insert(0, "run")  # `python -m mpineat` searches with the embedded configuration
    code = _obey(words)
    try:
        sys.stdout.flush()
    except OSError as error:
        # Else the interpreter tries once more at its end, and complains of it in its own words.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or _output_lost(error)
    return code


def _obey(words: list[str]) -> int:
    try:
        with launcher.said_once():
            arguments = _parse(words)
        return int(arguments.command(arguments))
    except InputError as error:
        return complain(error, USAGE)
    except Stopped as error:
        return complain(error, STOPPED)
    except (StorageError, Fruitless) as error:
        return complain(error, FAILED)
    except SystemExit as end:  # argparse has said why
        return int(end.code or 0)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.filename is None:
            return _output_lost(error)
        return complain(StorageError(f"{error.filename}: {error.strerror}"), FAILED)


def _output_lost(error: OSError) -> int:
    """Return the exit code where standard output takes no more."""
    if isinstance(error, BrokenPipeError):  # `mpineat status RUN | head`
        return DONE
    return complain(StorageError(f"standard output: cannot be written: {error.strerror}"), FAILED)


def _open_standard_streams() -> None:
    """Give a process that was started with closed streams open ones.

    Else the first file that it opens becomes its standard output, and takes what is printed.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            os.set_inheritable(number, True)
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _parse(words: list[str]) -> argparse.Namespace:
    """Parse, with words allowed behind the flags too; argparse alone refuses those."""
    top = parser()
    arguments, behind = top.parse_known_args(words)
    unknown = [word for word in behind if word.startswith("-") or "words" not in arguments]
    if unknown:
        top.error(shown(f"unrecognized arguments: {' '.join(unknown)}"))
    if behind:
        arguments.words += behind
    return arguments
