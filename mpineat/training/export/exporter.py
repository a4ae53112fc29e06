"""Exporter: one format that a network can be written in, and how a file takes its place whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpineat.errors import InputError, StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """A format for `mpineat export --format`; registered under its name, kind "exporter".

    Attributes:
        suffix: That the output's name must end in; "" where any will do.
        folder: Whether a folder is written instead of a file.
        trains: Whether `write` takes the trained Keras model, from a batch of uint8 images
            [n, H, W, C] to probabilities [n, classes]; otherwise it takes the Network.
        write: Called with one of these and with a path that is free and ends in `suffix`.
        check: Called with the output before the training; raises InputError where `write` could
            not work on this machine.
        fixed_batch: Whether the model may take batches of one size only: `export --batch N`, for
            runtimes that need every shape beforehand.
        how_to_load: The expression that loads it again, "{path}" in the output's place; "" where
            there is none.
        example: Python for the model's card that loads it and classifies `images`; "": just that
            expression.
    """

    name: str
    write: Callable[[Any, Path], object]
    how_to_load: str = ""
    example: str = ""
    suffix: str = ""
    folder: bool = False
    trains: bool = True
    fixed_batch: bool = False
    check: Callable[[Path], object] = lambda _: None

    def examine(self, output: Path, batch: int | None = None) -> None:
        """Find out before the training what would spoil the writing after it.

        Raises:
            InputError: The output cannot be written here, or not for batches of one size.
        """
        if batch is not None and not self.fixed_batch:
            raise InputError(
                f"--batch {batch}: --format {self.name} has no batches of a fixed size; "
                "leave it out"
            )
        if not output.parent.is_dir():
            raise InputError(f"{output}: the folder {output.parent} does not exist")
        if not output.name.endswith(self.suffix):
            raise InputError(
                f"{output}: expected a name that ends in {self.suffix} for --format {self.name}"
            )
        if output.is_dir() and not self.folder:
            raise InputError(f"{output}: is a folder; name a file")
        self.check(output)

    def put(self, value: Any, output: Path) -> None:
        """Write beside `output`, then take its place, so that nothing half written stays.

        Raises:
            StorageError: The disk is full or read-only.
        """
        beside = output.with_name(f".{output.name}.{os.getpid()}{self.suffix}")
        try:
            self.write(value, beside)
            if self.folder:
                _remove(output)
            os.replace(beside, output)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"{output}: cannot be written: {reason}") from error
        finally:
            _remove(beside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
