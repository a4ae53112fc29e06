"""Shell completion of the command line, made by shtab."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mpineat.errors import extra

SHELLS = ("bash", "zsh", "tcsh")
FOLDERS = ("run_dir", "folder")  # arguments that name a directory


class PrintCompletion(argparse.Action):
    """Print a completion script, paths included, and end."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Complete what the parser of all commands knows."""
        with extra("completion"):
            import shtab
        for group in parser._actions:
            commands = group.choices if isinstance(group, argparse._SubParsersAction) else {}
            for action in (a for command in commands.values() for a in command._actions):
                if action.type is Path or action.dest == "words":
                    folder = action.dest in FOLDERS
                    action.complete = shtab.DIRECTORY if folder else shtab.FILE
        print(shtab.complete(parser, str(values)))
        parser.exit()
