"""Generation: all that a run knows when a generation has ended, as one value and as one file."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import StringConstraints

from mpineat.errors import InputError
from mpineat.evolution.state import State
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.genome import Candidate
from mpineat.store import directory, hdf5
from mpineat.store.candidates import candidate_tables, candidates_from
from mpineat.store.columns import (
    BadValue,
    Columns,
    OtherVersion,
    Tables,
    from_table,
    to_table,
    values_of,
)
from mpineat.store.genomes import (
    BLUEPRINTS,
    COUNTERS,
    MODULES,
    Pool,
    counters_row,
    population_from,
    population_tables,
)
from mpineat.store.soundness import check
from mpineat.tasks import Outcome, Totals
from mpineat.wire import Count, Finite, NonNegative

ATTRIBUTES: Columns = {
    "run_id": Annotated[str, StringConstraints(pattern=r"[\w-]{1,64}")],
    "seed": Count,
    "generation": Count,
    "evaluated": bool,
    "next_candidate": Count,
    "created": Annotated[str, StringConstraints(pattern=r"[\d:.+TZ-]{10,40}")],
    "wall_seconds": NonNegative,
    "parent_sha256": str,
    "content_sha256": str,
}
TEXT: Columns = {"text": str}
COUNTS: Columns = {"name": str, "count": Count}
CONTEXT: Columns = {"name": str, "value": Finite}
MEMORY = "memory/"
HEADING = ("run_id", "seed", "created", "parent_sha256", "content_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A finished generation.

    Attributes:
        state: Of the generation, evaluated: what `breed` makes the next one from.
        candidates: Those that were asked or that ended in this generation.
        outcomes: Of those candidates, in the order in which `tell` received them; candidates
            without one are still being evaluated (steady schedule).
        run_id: Shared by all generations of a run.
        config: The resolved configuration as YAML text.
        created: When the file was written, UTC, ISO 8601.
        seconds: Wall seconds that the generation took, over all launches that worked on it.
        parent_sha256: content_sha256 of the generation before; "" for the first.
        content_sha256: Digest of the file's content; "" before it is written.
    """

    state: State
    candidates: tuple[Candidate, ...]
    outcomes: tuple[Outcome, ...]
    run_id: str
    seed: int
    config: str
    created: str
    seconds: float = 0.0
    parent_sha256: str = ""
    content_sha256: str = field(default="", compare=False)

    @property
    def number(self) -> int:
        """The generation's number, from 0."""
        return self.state.generation

    @property
    def species(self) -> tuple[int, int]:
        """Numbers of species, of modules and of blueprints."""
        return len(self.state.modules.species), len(self.state.blueprints.species)

    @property
    def totals(self) -> Totals:
        """Of its outcomes."""
        return Totals.of(self.outcomes)

    def outcomes_of(self, networks: Collection[str]) -> tuple[Outcome, ...]:
        """Return the outcomes of some networks, by their hashes."""
        return tuple(o for o in self.outcomes if o.network_hash in networks)


def write(run_dir: Path, generation: Generation, *, final: bool = False) -> Generation:
    """Write the file, durably and whole or not at all; return the value with its content_sha256.

    Args:
        final: Whether these are the trainings of the final after the generation before.

    Raises:
        StorageError: The disk is full or read-only.
    """
    path = directory.generation_path(run_dir, generation.number)
    if final:
        path = run_dir / directory.FINAL
    with collector_paused():
        data, digest = hdf5.pack(_attributes(generation), _tables(generation))
    directory.write_durably(path, data)
    return replace(generation, content_sha256=digest)


def read(path: Path) -> Generation:
    """Read a generation's file.

    Raises:
        Damaged: A byte has changed since it was written.
        InputError: Whole, but written by another version or not by mpineat, or renamed.
        StorageError: It cannot be read, after several tries.
    """
    with collector_paused(), refusals(path):
        attributes, arrays = hdf5.unpack(path)
        generation = _generation(attributes, arrays)
        check(generation.state, generation.candidates, generation.outcomes)
    check_name(path, generation.number)
    return generation


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Name the file whose tables cannot be made values, its seal being right.

    Raises:
        InputError: It is of another version, or not as mpineat writes it.
    """
    try:
        yield
    except OtherVersion as error:
        raise InputError(
            f"{path}: {error}; its seal is right, so another version of mpineat wrote it "
            f"(this one's format version is {hdf5.FORMAT_VERSION}): read it with that version, "
            "which provenance.json names"
        ) from error
    except (BadValue, LookupError, ValueError, TypeError, RecursionError) as error:
        what = str(error) if isinstance(error, BadValue) else repr(error)
        raise InputError(
            f"{path}: {what}: not as mpineat writes it, though its seal is right: it is not used; "
            "bring back the run's own file"
        ) from error


def check_name(path: Path, number: int) -> None:
    """Raise InputError where a file's name is not that of its generation."""
    if path.name not in (directory.generation_path(Path(), number).name, directory.FINAL):
        raise InputError(
            f"{path}: holds generation {number}: renamed, or swapped with another file; "
            "bring back the run's own file"
        )


def _attributes(generation: Generation) -> hdf5.Attributes:
    return {
        "run_id": generation.run_id,
        "seed": generation.seed,
        "generation": generation.number,
        "evaluated": generation.state.evaluated,
        "next_candidate": generation.state.next_candidate,
        "created": generation.created,
        "wall_seconds": float(generation.seconds),
        "parent_sha256": generation.parent_sha256,
    }


def _tables(generation: Generation) -> dict[str, hdf5.Array]:
    state = generation.state
    modules, blueprints = Pool(state.modules.genomes), Pool(state.blueprints.genomes)
    counters = [counters_row(MODULES, state.modules), counters_row(BLUEPRINTS, state.blueprints)]
    return {
        "config": to_table(TEXT, [(line,) for line in generation.config.split("\n")]),
        "innovations": to_table(COUNTERS, counters),
        "counts": to_table(COUNTS, list(state.counts.items())),
        "events": to_table(TEXT, [(event,) for event in state.events]),
        "context": to_table(CONTEXT, list(state.context.items())),
        # Before the populations: candidates may put genomes into the pools.
        **candidate_tables(generation.candidates, generation.outcomes, modules, blueprints),
        **population_tables(MODULES, state.modules, modules),
        **population_tables(BLUEPRINTS, state.blueprints, blueprints),
        **{f"{MEMORY}{name}": array for name, array in state.memory.items()},
    }


def _generation(attributes: dict[str, Any], tables: Tables) -> Generation:
    values = attributes_from(attributes)
    counters: Sequence[Any] = list(zip(*from_table(COUNTERS, tables, "innovations"), strict=True))
    modules, module_pool = population_from(MODULES, tables, counters[0])
    blueprints, blueprint_pool = population_from(BLUEPRINTS, tables, counters[1])
    candidates, outcomes = candidates_from(tables, module_pool, blueprint_pool)
    state = State(
        generation=values["generation"],
        evaluated=values["evaluated"],
        modules=modules,
        blueprints=blueprints,
        next_candidate=values["next_candidate"],
        counts=dict(zip(*from_table(COUNTS, tables, "counts", optional=True), strict=True)),
        events=tuple(from_table(TEXT, tables, "events", optional=True)[0]),
        context=dict(zip(*from_table(CONTEXT, tables, "context", optional=True), strict=True)),
        memory={
            path.removeprefix(MEMORY): array
            for path, array in tables.items()
            if path.startswith(MEMORY)
        },
    )
    return Generation(
        state=state,
        candidates=candidates,
        outcomes=outcomes,
        **heading(values, tables),
    )


def heading(values: Mapping[str, Any], tables: Tables) -> dict[str, Any]:
    """Return what a Generation and its Summary say alike of the run and of the file."""
    return {
        "config": config_from(tables),
        "seconds": values["wall_seconds"],
        **{name: values[name] for name in HEADING},
    }


def attributes_from(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a generation's file, each of its type and in its range."""
    found = {}
    for name, hint in ATTRIBUTES.items():
        if name not in attributes:
            raise OtherVersion(f"attribute {name!r} is missing")
        value = attributes[name]
        array = np.array([value.encode(errors="replace") if isinstance(value, str) else value])
        [found[name]] = values_of(hint, array, f"attribute {name!r}")
    return found


def config_from(tables: Tables) -> str:
    """Return the resolved configuration as YAML text."""
    return "\n".join(from_table(TEXT, tables, "config")[0])
