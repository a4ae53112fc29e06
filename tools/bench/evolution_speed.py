"""Time and memory of one generation, over the size of both populations, beside two peers.

A generation is everything that rank 0 does between two evaluations: speciate, share, select, cross,
mutate, draw the candidates, assemble them, check their limits. Fitness is random. Seconds are CPU
seconds of one thread, the median of the later half of the generations.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.scored import scored

from mpineat.config import Config
from mpineat.evolution.strategy import select
from mpineat.genotype.genome import Candidate
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Network

SHAPE, CLASSES, BATCH = (28, 28, 1), 10, 128
PEERS = ("neat-python", "tfne")


def add_options(group: Any) -> None:
    """Add this part's options."""
    group.add_argument(
        "--sizes", type=int, nargs="+", metavar="N", default=[50, 200, 1000, 5000, 20_000, 100_000]
    )
    group.add_argument("--generations", type=int, default=12)
    group.add_argument(
        "--candidates", type=int, default=100, help="assembled in a generation (the paper's 100)"
    )
    group.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help=f"measure {' or '.join(PEERS)} too, in the environment of that interpreter "
        "(pip install neat-python==2.0.0; tfne needs Python <= 3.11 and tensorflow-cpu 2.15)",
    )
    group.add_argument("--peer-sizes", type=int, nargs="+", metavar="N", default=[1000, 5000])


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Print a line for each size and each peer, and return them."""
    found = []
    columns = f"{'evolve s':>9} {'ask s':>8} {'us/genome':>10} {'peak MiB':>9}"
    print(f"{'':14} {'N + N':>9} {columns}  species")
    for size in options.sizes:
        found.append(_measured_alone(size, options))
        _print(found[-1])
    for peer in options.peer:
        name, _, python = peer.partition("=")
        script = Path(__file__).with_name("evolution_peers.py")
        for size in options.peer_sizes:
            command = [python, str(script), name, str(size), str(options.generations)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name:14} {size:>9,} failed: {done.stderr.strip().splitlines()[-1:]}")
                continue
            found.append(json.loads(done.stdout.splitlines()[-1]))
            _print(found[-1])
            _print_ratio(found, found[-1])
    return found


def measure(size: int, generations: int, candidates: int) -> dict[str, Any]:
    """Evolve `size` modules and as many blueprints on random fitness."""
    config = Config.model_validate(
        {"evolution": {"modules": size, "blueprints": size, "candidates": candidates}}
    )
    strategy, rng = select(config), random.Random(1)

    def build(candidate: Candidate) -> Network:
        network = assemble(candidate, SHAPE, CLASSES, config.search_space)
        check_limits(network, config.search_space, BATCH)
        return network

    state = strategy.initial(config)
    ask_seconds, evolve_seconds, all_seconds = [], [], []
    for _ in range(generations):
        begin = start = time.process_time()
        asked = strategy.ask(state, config, build)
        ask_seconds.append(time.process_time() - start)
        results = [scored(c, rng.random()) for c in asked.candidates]
        start = time.process_time()
        state = strategy.breed(strategy.tell(state, results, config), config)
        evolve_seconds.append(time.process_time() - start)
        all_seconds.append(time.process_time() - begin)
    late = slice(generations // 2, None)
    genomes = (*state.modules.genomes, *state.blueprints.genomes)
    return {
        "package": "mpineat",
        "size": size,
        "genomes": 2 * size,
        "candidates": candidates,
        "evolve_seconds": statistics.median(evolve_seconds[late]),
        "ask_seconds": statistics.median(ask_seconds[late]),
        "seconds": statistics.median(all_seconds[late]),
        "module_species": len(state.modules.species),
        "blueprint_species": len(state.blueprints.species),
        "mean_nodes": statistics.mean(len(genome.nodes) for genome in genomes),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _measured_alone(size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure in a fresh process, so that the peak of memory is this size's own."""
    program = (
        "import json, sys; from bench.evolution_speed import measure; "
        f"print(json.dumps(measure({size}, {options.generations}, {options.candidates})))"
    )
    environment = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(environment)!r}]; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _print(row: dict[str, Any]) -> None:
    ask = f"{row['ask_seconds']:8.3f}" if "ask_seconds" in row else f"{'':8}"
    total = row.get("seconds", row["evolve_seconds"])
    print(
        f"{row['package']:14} {row['size']:>9,} {row['evolve_seconds']:9.3f} {ask} "
        f"{1e6 * total / row['genomes']:10.1f} {row['peak_mib']:9.0f}  {row['module_species']}"
        + (f" + {row['blueprint_species']}" if "blueprint_species" in row else "")
    )


def _print_ratio(found: list[dict[str, Any]], peer: dict[str, Any]) -> None:
    """Compare seconds per genome, for neat-python has one population where we have two."""
    for own in found:
        if own["package"] == "mpineat" and own["size"] == peer["size"]:
            theirs = peer["evolve_seconds"] / peer["genomes"]
            evolve = theirs / (own["evolve_seconds"] / own["genomes"])
            whole = theirs / (own["seconds"] / own["genomes"])
            print(
                f"{'':14} {peer['package']} takes {evolve:.1f} times as long for a genome; "
                f"{whole:.1f} times with our assembly of {own['candidates']} networks counted"
            )
