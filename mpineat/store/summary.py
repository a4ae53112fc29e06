"""Summary: a finished generation in figures, read without genomes, networks and curves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mpineat.store import hdf5
from mpineat.store.candidates import TABLE, totals_from
from mpineat.store.columns import from_table
from mpineat.store.generation import attributes_from, check_name, heading, refusals
from mpineat.store.genomes import BLUEPRINTS, MODULES, SPECIES
from mpineat.tasks import Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A finished generation in figures.

    Attributes:
        number, run_id, seed, config, created, seconds, parent_sha256, content_sha256, species,
            totals: As in
            Generation; the winner among the totals has figures alone.
    """

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
            number=values["generation"],
            **heading(values, tables),
            species=(len(ids[0]), len(ids[1])),
            totals=totals_from(tables),
        )
    check_name(path, summary.number)
    return summary
