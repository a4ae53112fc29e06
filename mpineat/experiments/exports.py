"""What `mpineat export --json` measured on the test set, collected in files of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mpineat.errors import InputError

FORMAT = "mpineat-export"  # what the lines call themselves
# Added by tools/experiment.py to the lines of networks that were trained as long as in the search.
AS_SEARCHED = "as_searched"

# Run's id, candidate -> what tells one training from another -> test accuracy
Measured = Mapping[tuple[str, int], Mapping[tuple[object, ...], float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exports:
    """Test accuracies of exported networks.

    Attributes:
        measured: Of final trainings.
        as_searched: Of trainings as long as the search's, of last generations.
        problems: Sentences on the lines that were left out.
    """

    measured: Measured = field(default_factory=dict)
    as_searched: Measured = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Whether anything was measured."""
        return bool(self.measured)

    def of(self, run_id: str, candidate: int) -> tuple[float, ...]:
        """Return a winner's accuracies, one a final training; a repeated training counts once."""
        return tuple(self.measured.get((run_id, candidate), {}).values())

    def of_last(self, run_id: str, candidate: int) -> tuple[float, ...]:
        """Return those of a candidate of the last generation, trained as long as in the search."""
        return tuple(self.as_searched.get((run_id, candidate), {}).values())


def read_exports(paths: Iterable[Path]) -> Exports:
    """Read files of JSON lines.

    Raises:
        InputError: A file cannot be read.
    """
    measured: dict[tuple[str, int], dict[tuple[object, ...], float]] = {}
    as_searched: dict[tuple[str, int], dict[tuple[object, ...], float]] = {}
    problems = []
    for path in paths:
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            try:
                value = json.loads(line)
                if value["format"] != FORMAT:
                    raise ValueError
                accuracy = value["test_accuracy"]
                if accuracy is None:
                    continue
                training = tuple(value[name] for name in ("seed", "epochs", "flops"))
                key = str(value["run_id"]), int(value["candidate"])
                found = as_searched if value.get(AS_SEARCHED) else measured
                found.setdefault(key, {})[training] = float(accuracy)
            except (ValueError, TypeError, KeyError):
                problems.append(f"{path}:{number}: no line of mpineat export --json: left out")
    return Exports(measured=measured, as_searched=as_searched, problems=tuple(problems))
