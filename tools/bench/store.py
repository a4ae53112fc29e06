"""Seconds and bytes of generation files: `python tools/benchmark.py store`.

Written durably (synced file and directory), read to the values that evolution works on, compared.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from random import Random

from mpineat import store
from mpineat.config import Config, yaml_file
from mpineat.evolution.state import GenomeT, Population, Species, State
from mpineat.evolution.strategy import select
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.phenotype.assemble import assemble
from mpineat.store import Generation, directory
from mpineat.tasks import Compressed, Epoch, Outcome

NODES = (2, 8)  # of a genome, as evolution grows them
DIFFERENT_NETWORKS = 50
EPOCHS = 8


def main(argv: list[str]) -> int:
    """Print a table over the number of genomes and one over the number of candidates."""
    parser = argparse.ArgumentParser(prog="benchmark.py store", description=__doc__)
    sizes = {"type": int, "nargs": "+", "metavar": "N"}
    parser.add_argument("--genomes", default=[100, 1000, 10_000, 100_000], **sizes)
    parser.add_argument("--candidates", default=[12, 100, 1000], **sizes)
    parser.add_argument("--repeat", type=int, default=3, help="print the best of so many")
    parser.add_argument("--directory", type=Path, help="on the file system to measure")
    options = parser.parse_args(argv)

    head = f"{'':>10} {'write s':>9} {'read s':>9} {'bytes':>12} {'bytes each':>11}"
    for name, counts, make in (
        ("genomes", options.genomes, with_genomes),
        ("candidates", options.candidates, with_candidates),
    ):
        print(f"{name:>10}{head[10:]}")
        for count in counts:
            with tempfile.TemporaryDirectory(dir=options.directory) as folder:
                write, read, size = measure(Path(folder), make(count), options.repeat)
            print(f"{count:>10,} {write:>9.4f} {read:>9.4f} {size:>12,} {size / count:>11.0f}")
    return 0


def measure(run_dir: Path, generation: Generation, repeat: int) -> tuple[float, float, int]:
    """Return the least seconds to write and to read, and the size in bytes.

    Raises:
        AssertionError: What was read differs from what was written.
    """
    directory.create(run_dir)
    path = directory.generation_path(run_dir, generation.number)
    writes, reads = [], []
    for _ in range(repeat):
        began = time.perf_counter()
        store.write(run_dir, generation)
        written = time.perf_counter()
        found = store.read(path)
        reads.append(time.perf_counter() - written)
        writes.append(written - began)
        assert found == generation, "what was read differs from what was written"
    return min(writes), min(reads), path.stat().st_size


def with_genomes(count: int) -> Generation:
    """Return a generation of `count` genomes, half modules and half blueprints, all different."""
    random = Random(count)
    modules = tuple(random_module(id, random) for id in range(count // 2))
    blueprints = tuple(random_blueprint(id, random) for id in range(count - count // 2))
    state = State(
        generation=0,
        evaluated=True,
        modules=population(modules, random),
        blueprints=population(blueprints, random),
        next_candidate=0,
    )
    return generation_of(state)


def random_module(id: int, random: Random) -> Module:
    """Return a module of random genes."""
    nodes = tuple(
        ModuleNode(
            number,
            random.randint(16, 68),
            random.choice((1, 3, 5)),
            random.choice(("none", "max_pooling", "dropout")),
            random.random() / 2,
        )
        for number in random_numbers(random)
    )
    join = random.choice(("add", "concat"))
    return Module(id, nodes, connections([n.id for n in nodes], random), join, (id, id + 1), 6)


def random_blueprint(id: int, random: Random) -> Blueprint:
    """Return a blueprint of random genes."""
    nodes = tuple(BlueprintNode(n, random.randint(1, 30)) for n in random_numbers(random))
    wires = connections([node.id for node in nodes], random)
    retained = tuple((node.species, random.randint(0, 10**5)) for node in nodes[:3])
    return Blueprint(id, nodes, wires, (random.randint(32, 256),), None, retained, (id, id + 1), 6)


def random_numbers(random: Random) -> list[int]:
    """Return ascending innovation numbers of a genome's nodes."""
    return sorted(random.sample(range(2, 10**5), random.randint(*NODES)))


def connections(nodes: list[int], random: Random) -> tuple[Connection, ...]:
    """Return a chain through the nodes and a few shortcuts."""
    pairs = list(zip([INPUT, *nodes], [*nodes, OUTPUT], strict=True))
    pairs += [(random.choice(nodes), OUTPUT) for _ in range(random.randint(0, 5))]
    numbers = sorted(random.sample(range(10**6), len(pairs)))
    return tuple(
        Connection(number, source, target, random.random() < 0.9)
        for number, (source, target) in zip(numbers, pairs, strict=True)
    )


def population(genomes: tuple[GenomeT, ...], random: Random) -> Population[GenomeT]:
    """Return the genomes in ten species with random fitness."""
    ids = [genome.id for genome in genomes]
    species = tuple(
        Species(id=id, representative=genomes[id], members=tuple(ids[id::10]), best_fitness=0.5)
        for id in range(min(10, len(ids)))
    )
    return Population(
        genomes=genomes,
        species=species,
        threshold=1.0,
        fitness={id: random.random() for id in ids},
        uses={id: random.randint(0, 3) for id in ids},
        next_innovation=10**6,
        next_genome=len(ids),
        next_species=10,
    )


def with_candidates(count: int) -> Generation:
    """Return a generation with outcomes of `count` candidates, networks and curves included."""
    config = Config()
    random = Random(count)
    strategy = select(config)
    asked = strategy.ask(
        strategy.initial(config),
        config,
        lambda candidate: assemble(candidate, (32, 32, 3), 10, config.search_space),
        min(count, DIFFERENT_NETWORKS),
    )
    candidates, outcomes = [], []
    for id in range(count):
        some = id % len(asked.candidates)
        first = asked.candidates[some]
        candidates.append(Candidate(id, 0, first.blueprint, first.modules))
        network = asked.built[some].to_json()
        widths = {layer["name"]: (64, random.randint(1, 64)) for layer in network["layers"]}
        outcomes.append(
            Outcome(
                candidate=id,
                network_hash=f"{id:016x}",
                status="ok",
                accuracy=random.random(),
                loss=random.random(),
                network_before=network,
                network_after=network,
                compressed=Compressed(widths=widths),
                curve=tuple(random_point(epoch, random) for epoch in range(EPOCHS)),
                host="node01",
                device="NVIDIA H100 80GB HBM3",
            )
        )
    return generation_of(asked.state, tuple(candidates), tuple(outcomes))


def random_point(epoch: int, random: Random) -> Epoch:
    """Return a point of a learning curve."""
    loss, accuracy, val_loss, val_accuracy = (random.random() for _ in range(4))
    return Epoch(
        epoch=epoch, loss=loss, accuracy=accuracy, val_loss=val_loss, val_accuracy=val_accuracy
    )


def generation_of(
    state: State, candidates: tuple[Candidate, ...] = (), outcomes: tuple[Outcome, ...] = ()
) -> Generation:
    """Return the generation with all else that a file holds."""
    return Generation(
        state=state,
        candidates=candidates,
        outcomes=outcomes,
        run_id="benchmark",
        seed=0,
        config=yaml_file.dumps(Config()),
        created="2026-01-31T12:00:00Z",
    )
