"""Results: a run as values and as columns, for scripts, notebooks and `mpineat results`."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mpineat import finalists, metrics, objectives, store
from mpineat.config import Config
from mpineat.errors import InputError
from mpineat.finalists import Finalist
from mpineat.genotype.genome import Candidate
from mpineat.phenotype.network import Network
from mpineat.report.text_table import Value
from mpineat.store import Generation
from mpineat.tasks import Epoch, Outcome, stage_names

T = typing.TypeVar("T")
Array = np.ndarray[Any, np.dtype[Any]]

# annotation of a field -> type of its array, and what stands there for a missing value
ARRAYS: Mapping[Any, tuple[type, Value]] = {
    str: (object, ""),
    int: (np.int64, -1),
    int | None: (np.int64, -1),
    float: (np.float64, np.nan),
    float | None: (np.float64, np.nan),
    bool: (np.bool_, False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run has found so far; read without touching it, also beside a running job.

    Attributes:
        path: The run directory.
        config: The resolved options; None where config.yaml cannot be read.
        generations: The finished ones, ascending: populations and species before breeding,
            candidates, outcomes.
        outcomes: Of every candidate that has been evaluated, the running generation's last.
        generation_of: Candidate id -> the generation that its outcome counts in.
        candidates: Candidate id -> genotype. Those of the running generation are added when it
            ends, with `evolution.schedule=steady` when they are asked.
        final: The networks of the final, the best first; () before it ended and without one.
        problems: One sentence for each thing that is missing or damaged.

    Example:
        >>> run = mpineat.open_run("runs/first")
        >>> columns = run.columns()
        >>> columns["accuracy"][columns["generation"] == 2].max()
        0.9361
        >>> run.network(run.best.candidate).output
        'output'
    """

    path: Path
    config: Config | None
    generations: tuple[Generation, ...]
    outcomes: tuple[Outcome, ...]
    generation_of: Mapping[int, int]
    candidates: Mapping[int, Candidate]
    final: tuple[Finalist, ...]
    problems: tuple[str, ...]

    @property
    def front(self) -> tuple[Outcome, ...]:
        """The networks that none is better than in all of evolution.objectives, a candidate each.

        The fittest first; with one objective there is no other.
        """
        chosen = self.config.evolution.objectives if self.config else (metrics.ACCURACY,)
        return objectives.front(self.outcomes, chosen)

    @property
    def best(self) -> Outcome | None:
        """The winner, as the search found it; None if nothing was trained.

        Of the final where it has ended, else the highest fitness so far, then fewest flops.
        """
        trained = (outcome for finalist in self.final for outcome in finalist.trained)
        return finalists.winner(self.outcomes, trained)

    def outcome(self, candidate: int) -> Outcome:
        """Return a candidate's outcome.

        Raises:
            InputError: There is none.
        """
        for outcome in self.outcomes:
            if outcome.candidate == candidate:
                return outcome
        raise InputError(f"{self.path}: no outcome of a candidate {candidate}")

    def network(self, candidate: int, *, compressed: bool = True) -> Network:
        """Return the network that was trained, or the one from before its compression.

        Raises:
            InputError: No such candidate, or it failed before it had such a network.
        """
        outcome = self.outcome(candidate)
        found = outcome.network_after if compressed else outcome.network_before
        if found is None:
            raise InputError(
                f"{self.path}: candidate {candidate} has no such network: "
                f"{outcome.status} {outcome.reason}: {outcome.detail}"
            )
        return Network.from_json(found)

    def curves(self) -> dict[str, Array]:
        """Return all learning curves, one entry an epoch of a candidate.

        Returns:
            "candidate", "epoch", "loss", "accuracy", "val_loss", "val_accuracy" and, where
            training.metric is another one, "val_<metric>" -> array [epochs of all candidates];
            losses are mean cross-entropies in nats, accuracies lie in [0, 1].
        """
        kinds = typing.get_type_hints(Epoch)
        points = [(o.candidate, point) for o in self.outcomes for point in o.curve]
        found = {"candidate": _array(int, [candidate for candidate, _ in points])}
        for name, kind in kinds.items():
            found[name] = _array(kind, [getattr(point, name) for _, point in points])
        return self._under_its_name(found, "val_metric", f"val_{self._metric}")

    def columns(self) -> dict[str, Array]:
        """Return the table of candidates as arrays, one entry an evaluated candidate.

        Returns:
            Name -> array [candidates], in the order of `outcomes`: "id", "generation", "blueprint"
            (id of the genome), "modules" ("species:id species:id ..."), "front" (whether it is on
            the front of evolution.objectives), "final_<metric>" (the mean in the final, of
            finalists alone; <metric> is training.metric, usually accuracy), every plain field of
            tasks.Outcome under its own name ("accuracy" and, where it is another one, the metric in
            [0, 1], "flops_after" of one forward pass, "started" in Unix seconds, ...), and
            "seconds_<stage>" for each stage. Texts are arrays of str objects. Missing is "" in
            texts, -1 in whole numbers, NaN in others.
        """
        kinds = {**_KINDS, **_SCALARS}
        return {
            name: _array(kinds.get(name, float), values) for name, values in self.table().items()
        }

    def table(self, *, sort: str | None = None, reverse: bool = False) -> dict[str, list[Value]]:
        """Return the same columns as plain values; None is missing, NaN does not occur.

        Args:
            sort: Column to sort by: the highest first for a metric, else the lowest; candidates
                without a value come last. By default in the order of `outcomes`.
            reverse: Sort the other way round.

        Raises:
            InputError: No such column.
        """
        outcomes = self.outcomes
        genotypes = [self.candidates.get(outcome.candidate) for outcome in outcomes]
        columns: dict[str, list[Value]] = {
            "id": [outcome.candidate for outcome in outcomes],
            "generation": [self.generation_of[outcome.candidate] for outcome in outcomes],
            "blueprint": [None if one is None else one.blueprint.id for one in genotypes],
            "modules": [_modules(one) for one in genotypes],
        }
        means = {finalist.found.candidate: finalist.mean for finalist in self.final}
        front = {outcome.candidate for outcome in self.front}
        columns["front"] = [outcome.candidate in front for outcome in outcomes]
        columns[f"final_{self._metric}"] = [means.get(outcome.candidate) for outcome in outcomes]
        for name in _SCALARS:
            columns[name] = [getattr(outcome, name) for outcome in outcomes]
        columns["seconds_queue"] = [outcome.seconds.queue for outcome in outcomes]
        for name in stage_names(outcomes):
            columns[f"seconds_{name}"] = [o.seconds.stages.get(name, 0.0) for o in outcomes]
        columns["seconds_total"] = [outcome.seconds.total for outcome in outcomes]
        columns = self._under_its_name(columns, "metric", self._metric)
        columns = {
            name: [None if value != value else value for value in values]
            for name, values in columns.items()
        }
        return columns if sort is None else _sorted(columns, sort, reverse)

    @property
    def _metric(self) -> str:
        return self.config.training.metric if self.config else metrics.ACCURACY

    def _under_its_name(self, columns: dict[str, T], column: str, name: str) -> dict[str, T]:
        """Name the column of training.metric; accuracy has one already."""
        if self._metric == metrics.ACCURACY:
            return {each: values for each, values in columns.items() if each != column}
        return {name if each == column else each: values for each, values in columns.items()}


def open_run(path: str | Path) -> Results:
    """Read a run directory, running, stopped or finished.

    Raises:
        InputError: There is no such directory, or no run was ever started in it.
    """
    run = store.read_run(Path(path))
    ended = [(outcome, each.number) for each in run.generations for outcome in each.outcomes]
    running = run.generations[-1].number + 1 if run.generations else 0
    counted = [*ended, *((outcome, running) for outcome in run.outcomes)]
    candidates = [*(c for each in run.generations for c in each.candidates), *run.candidates]
    outcomes = tuple(outcome for outcome, _ in counted)
    return Results(
        path=run.path,
        config=run.config,
        generations=run.generations,
        outcomes=outcomes,
        generation_of={outcome.candidate: number for outcome, number in counted},
        candidates={candidate.id: candidate for candidate in candidates},
        final=finalists.standing(outcomes, run.final.outcomes if run.final else ()),
        problems=run.problems,
    )


# The genotype's columns, and those fields of an outcome that fit into a column; a field that
# Outcome gains becomes a column by itself.
_KINDS = {
    "id": int,
    "generation": int,
    "blueprint": int,
    "modules": str,
    "front": bool,
}
_SCALARS = {
    name: kind
    for name, kind in typing.get_type_hints(Outcome).items()
    if kind in ARRAYS and name != "candidate"
}


def _modules(candidate: Candidate | None) -> str:
    pairs = () if candidate is None else candidate.modules
    return " ".join(f"{species}:{module.id}" for species, module in pairs)


def _sorted(
    columns: Mapping[str, Sequence[Value]], name: str, reverse: bool
) -> dict[str, list[Value]]:
    if name not in columns:
        raise InputError(f"--sort {name}: no such column; expected one of {', '.join(columns)}")
    values: Sequence[Any] = columns[name]
    present = [row for row, value in enumerate(values) if value is not None]
    missing = [row for row, value in enumerate(values) if value is None]
    downwards = (name.removeprefix("final_") in metrics.TITLES) != reverse
    order = sorted(present, key=values.__getitem__, reverse=downwards) + missing
    return {name: [column[row] for row in order] for name, column in columns.items()}


def _array(kind: Any, values: Iterable[Value]) -> Array:
    dtype, missing = ARRAYS[kind]
    return np.array([missing if value is None else value for value in values], dtype)
