"""Generation: all that a run knows when a generation has ended, as one value and as one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mpineat.errors import InputError
from mpineat.evolution.state import State
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.genome import Candidate
from mpineat.store import directory, hdf5
from mpineat.store.candidates import candidate_tables, candidates_from
from mpineat.store.columns import OtherVersion, Tables, from_table, to_table
from mpineat.store.genomes import (
    BLUEPRINTS,
    COUNTERS,
    MODULES,
    Pool,
    counters_row,
    population_from,
    population_tables,
)
from mpineat.tasks import Outcome

TEXT: dict[str, type] = {"text": str}
COUNTS: dict[str, type] = {"name": str, "count": int}
CONTEXT: dict[str, type] = {"name": str, "value": float}
MEMORY = "memory/"


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
        InputError: Whole, but written by another version.
        StorageError: It cannot be read, after several tries.
    """
    with collector_paused():
        attributes, arrays = hdf5.unpack(path)
        try:
            return _generation(attributes, arrays)
        except (OtherVersion, LookupError, ValueError, TypeError, RecursionError) as error:
            what = str(error) if isinstance(error, OtherVersion) else repr(error)
            raise InputError(
                f"{path}: {what}; its seal is right, so another version of mpineat wrote it "
                f"(format version {attributes.get('format_version')}, this one's is "
                f"{hdf5.FORMAT_VERSION}): read it with that version, which provenance.json names"
            ) from error


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
    counters: Sequence[Any] = list(zip(*from_table(COUNTERS, tables, "innovations"), strict=True))
    modules, module_pool = population_from(MODULES, tables, counters[0])
    blueprints, blueprint_pool = population_from(BLUEPRINTS, tables, counters[1])
    candidates, outcomes = candidates_from(tables, module_pool, blueprint_pool)
    state = State(
        generation=attributes["generation"],
        evaluated=attributes["evaluated"],
        modules=modules,
        blueprints=blueprints,
        next_candidate=attributes["next_candidate"],
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
        run_id=attributes["run_id"],
        seed=attributes["seed"],
        config="\n".join(from_table(TEXT, tables, "config")[0]),
        created=attributes["created"],
        seconds=attributes["wall_seconds"],
        parent_sha256=attributes["parent_sha256"],
        content_sha256=attributes["content_sha256"],
    )
