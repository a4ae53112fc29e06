"""A small finished generation, the same for every call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mpineat import store
from mpineat.config import Config, yaml_file
from mpineat.evolution.state import Population, Species, State
from mpineat.store import Generation, directory, hdf5
from mpineat.tasks import Compressed, Epoch, Outcome
from tests.evaluations import candidate, outcome, task

SIZE = 3


def outcomes(first: int = 0) -> tuple[Outcome, ...]:
    """Return the outcomes of SIZE candidates from number `first` on."""
    network = {
        "input_shape": [8, 8, 1],
        "layers": [
            {"name": "flat", "op": "flatten", "inputs": ["input"]},
            {"name": "output", "op": "dense", "inputs": ["flat"], "units": 10, "activation": None},
        ],
        "output": "output",
    }
    point = Epoch(epoch=0, loss=1.5, accuracy=0.25, val_loss=1.25, val_accuracy=0.5)
    return tuple(
        outcome(
            task(number),
            network_before=network,
            network_after=network,
            compressed=Compressed(widths={"conv": (16, 7)}, alive=((0, 16), (9, 7))),
            curve=(point,),
            host="node01",
            rank=1,
        )
        for number in range(first, first + SIZE)
    )


def generation(number: int = 0, parent: str = "") -> Generation:
    """Return generation `number` of a run, whose candidates are the only genomes."""
    candidates = tuple(candidate(number * SIZE + i) for i in range(SIZE))
    modules = tuple(one.modules[0][1] for one in candidates)
    blueprints = tuple(one.blueprint for one in candidates)
    ids = tuple(module.id for module in modules)
    counters = {"threshold": 2.5, "next_innovation": 3, "next_genome": 99, "next_species": 1}
    return Generation(
        state=State(
            generation=number,
            evaluated=True,
            modules=Population(
                genomes=modules,
                species=(Species(id=0, representative=modules[0], members=ids),),
                fitness=dict.fromkeys(ids, 0.5),
                **counters,
            ),
            blueprints=Population(
                genomes=blueprints,
                species=(Species(id=0, representative=blueprints[0], members=ids),),
                **counters,
            ),
            next_candidate=(number + 1) * SIZE,
        ),
        candidates=candidates,
        outcomes=outcomes(number * SIZE),
        run_id="run",
        seed=1,
        config=yaml_file.dumps(Config()),
        created="2026-01-31T12:00:00Z",
        parent_sha256=parent,
    )


def run(path: Path, generations: int) -> tuple[Generation, ...]:
    """Write a run directory with so many finished generations, and return them."""
    directory.create(path)
    (path / directory.CONFIG).write_text(yaml_file.dumps(Config()))
    (path / directory.PROVENANCE).write_text("[]")
    written: list[Generation] = []
    for number in range(generations):
        parent = written[-1].content_sha256 if written else ""
        written.append(store.write(path, generation(number, parent)))
    return tuple(written)


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Let `change` alter a generation file's tables, and seal them as they are then."""
    attributes, tables = hdf5.unpack(path)
    change(tables)
    for name in ("format", "format_version", "content_sha256"):
        del attributes[name]
    path.write_bytes(hdf5.pack(attributes, tables)[0])
