"""The command line: arguments in, exit code out. A command loads only the rooms that it needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mpineat.cli.parser import parser
from mpineat.cluster import launcher
from mpineat.errors import DONE, FAILED, USAGE, InputError, StorageError, complain

OF_NO_COMMAND = ("-h", "--help", "--version", "--print-completion")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 done, 1 failed, 2 usage or input, 75 stopped."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0].startswith("-") and words[0] not in OF_NO_COMMAND):
        words.insert(0, "run")  # `python -m mpineat` searches with the embedded configuration
    try:
        with launcher.said_once():
            arguments = _parse(words)
        return int(arguments.command(arguments))
    except InputError as error:
        return complain(error, USAGE)
    except StorageError as error:
        return complain(error, FAILED)
    except BrokenPipeError:  # `mpineat status RUN | head`
        sys.stderr.close()
        return DONE
    except KeyboardInterrupt:
        return 130


def _parse(words: list[str]) -> argparse.Namespace:
    """Parse, with words allowed behind the flags too; argparse alone refuses those."""
    top = parser()
    arguments, behind = top.parse_known_args(words)
    unknown = [word for word in behind if word.startswith("-") or "words" not in arguments]
    if unknown:
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    if behind:
        arguments.words += behind
    return arguments
