"""A generation, a candidate, the workers, each as figures and as one line of text."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mpineat import metrics, units
from mpineat.evolution.state import State
from mpineat.finalists import Finalist
from mpineat.store.now import Running, Worker
from mpineat.tasks import Outcome, Totals

COLUMNS = {
    "gen": 4,
    "best": 6,
    "mean": 6,
    "species": 7,
    "failed": 9,
    "discarded": 9,
    "reused": 6,
    "flops": 7,
    "busy": 5,
    "elapsed": 11,
    "left": 11,
}
NAMES = [f"{name:>{width}}" for name, width in COLUMNS.items()]
HEADER = "  ".join(NAMES)
HEADER_OF_PAST = "  ".join(NAMES[:-1])  # without what is left
HOSTS_AT_MOST = NAMED_AT_MOST = 6  # thousands of ranks must not make thousands of words


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One generation in figures.

    Attributes:
        best, mean: Fitness of the candidates that were trained in full; None without any.
        failed, discarded, reused: Numbers of candidates.
        flops: Mean of the trained networks, after compression.
        busy: Share of the workers' time that evaluations filled; None where it is not known.
    """

    generation: int
    best: float | None
    mean: float | None
    module_species: int
    blueprint_species: int
    candidates: int
    failed: int
    discarded: int
    reused: int
    flops: float
    seconds: float
    busy: float | None


def row(
    generation: int, species: tuple[int, int], totals: Totals, seconds: float, workers: int
) -> Row:
    """Return the figures of a finished generation that took `seconds` on `workers` workers.

    Args:
        species: Numbers of species, of modules and of blueprints.
        totals: Of its outcomes.
    """
    modules, blueprints = species
    return Row(
        generation=generation,
        best=None if totals.best is None else totals.best.fitness,
        mean=totals.fitness / totals.judged if totals.judged else None,
        module_species=modules,
        blueprint_species=blueprints,
        candidates=totals.number,
        failed=totals.failed,
        discarded=totals.discarded,
        reused=totals.reused,
        flops=totals.flops / max(1, totals.judged),
        seconds=seconds,
        busy=min(1.0, totals.seconds / (seconds * workers)) if seconds > 0 and workers else None,
    )


def row_text(figures: Row, elapsed: float, left: float | None = None) -> str:
    """Return the line that stands under HEADER, or under HEADER_OF_PAST when `left` is None."""
    texts = cells(figures, elapsed)
    if left is not None:
        texts.append(units.duration(left))
    return "  ".join(
        f"{text:>{width}}" for text, width in zip(texts, COLUMNS.values(), strict=False)
    )


def cells(figures: Row, elapsed: float) -> list[str]:
    """Return the texts under COLUMNS, the last column apart."""
    return [
        str(figures.generation),
        units.accuracy(figures.best),
        units.accuracy(figures.mean),
        f"{figures.module_species}+{figures.blueprint_species}",
        f"{figures.failed}/{figures.candidates}",
        str(figures.discarded),
        str(figures.reused),
        units.count(figures.flops),
        units.share(figures.busy),
        units.duration(elapsed),
    ]


def explained(
    state: State, outcomes: Sequence[Outcome], classes: int, metric: str
) -> Iterator[tuple[int, str]]:
    """Yield what should not look like a quiet generation, each with the level of its log line."""
    totals = Totals.of(outcomes)
    if failures := failures_text(totals.reasons):
        yield logging.INFO, f"failed: {failures}"
    if totals.began_anew:
        yield logging.WARNING, anew_text(totals.began_anew)
    # Within sampling noise of what a constant answer reaches.
    highest = 1.25 * metrics.constant_answer(metric, classes) if classes else 0.0
    chance = sum(o.fitness < highest for o in outcomes if o.fitness is not None)
    if chance:
        yield logging.INFO, f"no better than chance: {units.plural(chance, 'candidate')}"
    counts = [f"{number} {name}" for name, number in sorted(state.counts.items()) if number]
    if counts:
        yield logging.DEBUG, f"counted: {', '.join(counts)}"
    for event in state.events:
        yield logging.DEBUG, event


def failures_text(reasons: Mapping[str, int]) -> str:
    """Return "2 nan, 1 gpu_memory", most frequent first; "" without failures."""
    return ", ".join(f"{number} {reason}" for reason, number in Counter(reasons).most_common())


def anew_text(number: int) -> str:
    """Say how many candidates lost what they should have inherited."""
    who = units.plural(number, "candidate")
    return f"began with new weights, their parents' being gone or damaged: {who}"


def candidate_text(outcome: Outcome, metric: str) -> str:
    """Return one line about an evaluated candidate.

    Args:
        metric: training.metric.
    """
    head = f"candidate {outcome.candidate}"
    if outcome.status == "failed":
        place = f" on rank {outcome.rank} ({outcome.host})" if outcome.host else ""
        return f"{head} failed{place}: {outcome.reason}: {outcome.detail}".rstrip(": ")
    flops = units.count(outcome.flops_after)
    if outcome.flops_after != outcome.flops_before:
        flops += f" flops of {units.count(outcome.flops_before)} before compression"
    else:
        flops += " flops"
    source = (
        f"as candidate {outcome.reused_from}"
        if outcome.reused_from is not None
        else f"{units.duration(outcome.seconds.total)} on rank {outcome.rank}"
    )
    parameters = f"{units.count(outcome.parameters_after)} parameters"
    found = f"{metrics.TITLES[metric]} {units.accuracy(outcome.fitness)}"
    if outcome.metric is not None:
        found += f", accuracy {units.accuracy(outcome.accuracy)}"
    if outcome.status == "discarded":
        epoch = units.plural(len(outcome.curve), "epoch")
        found = f"validation loss {outcome.curve[-1].val_loss:.4f} after {epoch}"
    if outcome.began_anew:
        source += f", from new weights: its parent's are {outcome.start}"
    return f"{head}: {found}, {flops}, {parameters}, {source}"


def finalist_text(finalist: Finalist) -> str:
    """Return one line about a network of the final."""
    found = finalist.found
    each = " ".join(units.accuracy(outcome.fitness) for outcome in finalist.trained)
    return (
        f"candidate {found.candidate:>6}: mean {units.accuracy(finalist.mean)} of {each}; "
        f"{units.accuracy(found.fitness)} in the search; "
        f"{units.count(found.flops_before)} flops at full width"
    )


def running_text(running: Sequence[Running], time: float) -> str:
    """Return "7 on rank 2 for 1:08", the longest first; "nothing" where nothing runs."""
    longest = sorted(running, key=lambda one: one.since)
    names = [
        f"{one.candidate} on rank {one.rank} for {units.duration(time - one.since)}"
        for one in longest[:NAMED_AT_MOST]
    ]
    if len(longest) > NAMED_AT_MOST:
        names.append(f"and {len(longest) - NAMED_AT_MOST} more")
    return ", ".join(names) or "nothing"


def workers_text(workers: Sequence[Worker], ranks: int) -> str:
    """Return how many workers train on what, host by host."""
    if ranks == 1:
        places = [f" on {worker.host} {worker.device}".rstrip() for worker in workers]
        return "".join(["evaluates in place", *places[:1]])
    hosts: dict[str, Counter[str]] = {}
    for worker in workers:
        hosts.setdefault(worker.host, Counter())[worker.device] += 1
    texts = [
        f"{host} with " + " and ".join(_on(number, device) for device, number in devices.items())
        for host, devices in list(hosts.items())[:HOSTS_AT_MOST]
    ]
    if len(hosts) > HOSTS_AT_MOST:
        texts.append(f"and {len(hosts) - HOSTS_AT_MOST} more hosts")
    return f"rank 0 selects, {units.plural(len(workers), 'worker')}: {'; '.join(texts)}"


def _on(number: int, device: str) -> str:
    shared_out = number > 1 and device.endswith(("core", "cores"))  # a GPU's name means one GPU
    return f"{number} on {device}{' each' if shared_out else ''}"
