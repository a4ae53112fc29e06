"""Summary: a finished generation in figures, read without genomes, networks and curves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from mpineat.store import hdf5
from mpineat.store.candidates import TABLE, figures_from, totals_from
from mpineat.store.columns import Table, from_table
from mpineat.store.generation import attributes_from, check_name, heading, refusals
from mpineat.store.genomes import BLUEPRINTS, MODULES, SPECIES
from mpineat.tasks import Outcome, Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A finished generation in figures.

    Attributes:
        number, run_id, seed, config, created, seconds, parent_sha256, content_sha256, species,
            totals: As in Generation; the winner among the totals has figures alone.
        candidates: The table of the candidates, as it is in the file.
    """

    path: Path
    number: int
    run_id: str
    seed: int
    config: str
    created: str
    seconds: float
    parent_sha256: str
    content_sha256: str
    species: tuple[int, int]
    totals: Totals
    candidates: Table = field(repr=False, compare=False)

    def outcomes_of(self, networks: Collection[str]) -> tuple[Outcome, ...]:
        """Return the outcomes of some networks, by their hashes, in any order and as figures alone.

        Raises:
            InputError: A value that mpineat never writes.
        """
        with refusals(self.path):
            return figures_from(self.candidates, networks)


def read_summary(path: Path) -> Summary:
    """Read what a row of figures needs; the file's seal is checked, its unread tables are not.

    Raises:
        Damaged, InputError, StorageError: As `read` does.
    """
    species = [f"species/{kind.name}" for kind in (MODULES, BLUEPRINTS)]
    with refusals(path):
        attributes, tables = hdf5.unpack(path, only={"config", TABLE, *species})
        values = attributes_from(attributes)
        ids = [from_table({"id": SPECIES["id"]}, tables, name)[0] for name in species]
        summary = Summary(
            path=path,
            number=values["generation"],
            **heading(values, tables),
            species=(len(ids[0]), len(ids[1])),
            totals=totals_from(tables),
            candidates=tables[TABLE],
        )
    check_name(path, summary.number)
    return summary
