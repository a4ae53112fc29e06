"""Mutate what crosses pipes, MPI and the journal; nothing but a WireError may come of it.

python tools/fuzz/wire.py [--mutations 100000] [--seed 0] [--kinds task,outcome,...] [--json FILE]

Of a task, an outcome, a line of the journal, a setup and a stream of frames so many mutants each:
bits, bytes, pieces and, in the JSON, values, keys and whole branches. What is accepted all the same
is looked through by other code than that which read it: numbers in range, graphs without a cycle.
Held to be true: no other exception, no mutant that takes 5 seconds, nothing accepted out of range.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import random
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mpineat.child import agreement
from mpineat.child.messages import Frames, Kind, Setup, frame
from mpineat.config import Config
from mpineat.genotype.genome import Candidate
from mpineat.phenotype.assemble import assemble
from mpineat.store import journal_line
from mpineat.tasks import Compressed, Epoch, Outcome, Task, outcome_to_bytes, task_to_bytes
from mpineat.wire import WireError

SLOWEST = 5.0
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, -(2**63), 10**30, 0.5, 1.5, -0.0, 1e308),
    *(math.nan, math.inf, -math.inf, "", "x", "ok", "failed", "\x1b[2J", "\ud800", "0" * 5000),
    *([], {}, [[]], [1], [[1, 2]], {"a": 1}, [[[[[[]]]]]]),
)
KEYS = ("candidate", "status", "modules", "layers", "later", "")


def sample(seed: int) -> tuple[Task, Outcome]:
    """Return a task and the fullest outcome that it may have."""
    from tests import evaluations

    task = evaluations.task(seed % 50, 16 + seed % 50)
    network = assemble(task.candidate, (8, 8, 1), 10, Config().search_space).to_json()
    curve = tuple(
        Epoch(epoch=n, loss=math.nan, accuracy=0.1 * n, val_loss=1.0, val_accuracy=0.1)
        for n in range(1, 1 + seed % 4)
    )
    compressed = Compressed(dead_at_start={"a": 0.5}, alive=((1, 16),), widths={"a": (16, 8)})
    return task, evaluations.outcome(
        task, network_before=network, network_after=network, curve=curve, compressed=compressed
    )


class Mutations:
    """Random changes to bytes, and to the JSON that they hold."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def of(self, data: bytes) -> bytes:
        """Return a mutant of `data`: JSON behind a head, or zlib's."""
        head, brace, body = data.partition(b"{")
        if self.rng.random() < 0.3 or not brace:
            return self.of_bytes(data)
        value, end = json.JSONDecoder().raw_decode((brace + body).decode())
        text = json.dumps(self._changed(value)).encode() + (brace + body)[end:]
        if self.rng.random() < 0.1:
            text = self.of_bytes(text)
        return head + (zlib.compress(text, 1) if self.rng.random() < 0.1 else text)

    def of_bytes(self, data: bytes) -> bytes:
        found = bytearray(data)
        for _ in range(self.rng.randrange(1, 5)):
            place = self.rng.randrange(len(found) + 1)
            piece = found[place : place + self.rng.randrange(1, 40)]
            change = self.rng.randrange(5)
            if change == 0 and place < len(found):
                found[place] ^= 1 << self.rng.randrange(8)
            elif change == 1:
                del found[place : place + len(piece)]
            elif change == 2:
                found[place:place] = self.rng.randbytes(self.rng.randrange(1, 9))
            elif change == 3:
                found[place:place] = piece * self.rng.randrange(1, 9)
            else:
                del found[place + 1 :]
        return bytes(found)

    def _changed(self, value: Any) -> Any:
        for _ in range(self.rng.choice((1, 1, 1, 2, 4))):
            places = list(_places(value))
            if not places:
                return self.rng.choice(STRANGE)
            parent, key = self.rng.choice(places)
            strange = copy.deepcopy(self.rng.choice(STRANGE))
            change = self.rng.random()
            if change < 0.35 and type(parent[key]) in (int, float):
                parent[key] = self._number(parent[key])
            elif change < 0.6:
                parent[key] = strange
            elif change < 0.75:
                del parent[key]
            elif change < 0.85:
                parent[key] = copy.deepcopy(self.rng.choice(places)[0])
            elif isinstance(parent, dict):
                parent[self.rng.choice(KEYS)] = strange
            else:
                parent.insert(key, copy.deepcopy(parent[key]))
        return value

    def _number(self, found: float) -> float:
        """Return a number of the same type, which may still be in range."""
        return self.rng.choice((found + 1, found - 1, -found, 3 * found, 0 * found, found / 2))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of everything within."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from _places(item)


def out_of_range(value: Any) -> str | None:
    """Return what a value should not hold, found without the codec's declarations."""
    if isinstance(value, Outcome):
        return _wrong_outcome(value)
    candidate = value.candidate if isinstance(value, Task) else value
    if isinstance(candidate, Candidate):
        for genome in (candidate.blueprint, *(module for _, module in candidate.modules)):
            for node in genome.nodes:
                if any(isinstance(n, int) and not 0 <= n < 2**63 for n in node):
                    return f"node {node}"
                if hasattr(node, "filters") and not (
                    node.filters > 0 and node.kernel > 0 and 0 <= node.rate <= 1
                ):
                    return f"node {node}"
            if isinstance(value, Task) and _cyclic(genome.connections):
                return f"a cycle in genome {genome.id}"
    if isinstance(value, Task) and (value.attempt < 1 or min(value.flops, value.seed) < 0):
        return f"task of attempt {value.attempt}, flops {value.flops}, seed {value.seed}"
    return None


def _wrong_outcome(outcome: Outcome) -> str | None:
    shares = [point.accuracy for point in outcome.curve]
    shares += [point.val_accuracy for point in outcome.curve]
    shares += [outcome.accuracy] if outcome.accuracy is not None else []
    if any(not 0 <= share <= 1 for share in shares):  # NaN is neither
        return f"accuracies {shares}"
    numbers = list(dataclasses.asdict(outcome.seconds).values())
    numbers += [outcome.started, outcome.candidate, outcome.flops_after, outcome.parameters_before]
    flat = [n for item in numbers for n in (item.values() if isinstance(item, dict) else [item])]
    if any(not 0 <= number < math.inf for number in flat):
        return f"numbers {flat}"
    return None


def _cyclic(connections: Any) -> bool:
    targets: dict[int, set[int]] = {}
    for gene in connections:
        targets.setdefault(gene.source, set()).add(gene.target)
    while ends := {node for node, found in targets.items() if not found & targets.keys()}:
        targets = {node: found for node, found in targets.items() if node not in ends}
    return bool(targets)


def read_journal_line(data: bytes) -> Any:
    """Read the value of a line whose checksum is right: what a hostile writer would make."""
    return journal_line.parse(b'{"crc32":"%08x",%b' % (zlib.crc32(data), data), "journal:1").item()


def read_outcome(data: bytes) -> Outcome:
    """Read an outcome as a worker reads its child's."""
    outcome = agreement.read_outcome(data)
    agreement.check_networks(outcome)
    return outcome


def kinds(seed: int) -> dict[str, tuple[list[bytes], Callable[[bytes], Any]]]:
    """Return for each kind what to mutate and what reads it."""
    pairs = [sample(seed + number) for number in range(20)]
    journal = [
        journal_line.encode("run", 3, item, False)[len(b'{"crc32":"00000000",') : -1]
        for task, outcome in pairs
        for item in (outcome, task.candidate)
    ]
    setup = Setup(config=Config(), rank=1, host="node", cores=(0, 1), gpu="0")
    streams = [
        frame(Kind.TASK, b"x" * n) + frame(Kind.BEAT) + frame(Kind.END, b"\0") for n in range(40)
    ]

    def read_frames(data: bytes) -> None:
        for kind, payload in Frames().feed(data):
            assert isinstance(kind, Kind)
            assert len(payload) <= len(data)

    return {
        "task": ([task_to_bytes(task) for task, _ in pairs], agreement.read_task),
        "outcome": ([outcome_to_bytes(outcome) for _, outcome in pairs], read_outcome),
        "journal": (journal, read_journal_line),
        "setup": ([setup.to_bytes()], Setup.from_bytes),
        "frames": (streams, read_frames),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutations", type=int, default=100_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="task,outcome,journal,setup,frames")
    parser.add_argument("--json", type=Path, help="write the counts here")
    arguments = parser.parse_args(argv)
    mutations, wrong = Mutations(arguments.seed), 0
    counts: dict[str, Any] = {}
    for kind, (originals, read) in kinds(arguments.seed).items():
        if kind not in arguments.kinds.split(","):
            continue
        found: Counter[str] = Counter()
        slowest = 0.0
        for _ in range(arguments.mutations):
            mutant = mutations.of(_plain(mutations.rng.choice(originals)))
            began = time.monotonic()
            try:
                value = read(mutant)
                said = out_of_range(value)
                result = "accepted" if said is None else f"OUT OF RANGE: {said}"
            except WireError:
                result = "refused"
            except Exception as error:
                result = f"RAISED {type(error).__name__}: {error}"[:200]
            seconds = time.monotonic() - began
            slowest = max(slowest, seconds)
            if seconds > SLOWEST:
                result = f"TOOK {seconds:.0f} s"
            if result not in ("accepted", "refused"):
                wrong += 1
                if wrong <= 20:
                    print(f"{kind}: {result}: {mutant[:500]!r}")
            found[result.partition(":")[0]] += 1
        counts[kind] = {**found, "slowest_ms": round(slowest * 1e3, 1)}
        print(f"{kind}: {counts[kind]}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(counts, indent=1) + "\n")
    return 1 if wrong else 0


def _plain(data: bytes) -> bytes:
    """Return packed bytes with their JSON readable."""
    head, _, body = data.partition(b" 2 ")
    if body[:1] == b"\x78":
        return head + b" 2 " + zlib.decompress(body)
    return data


if __name__ == "__main__":
    sys.exit(main())
