"""From run directories to experiments; what cannot be read is named, the rest is used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mpineat import store
from mpineat.errors import InputError
from mpineat.experiments.experiment import Experiment, GenerationRecord
from mpineat.store import directory


def read_experiments(paths: Iterable[Path]) -> tuple[tuple[Experiment, ...], tuple[str, ...]]:
    """Read the runs at `paths`, or below them, and say what was left out.

    A run that is met twice, by two paths or as a copy, counts once.
    """
    experiments: dict[str, Experiment] = {}
    left_out = []
    for path in paths:
        found = find_runs(path)
        if not found:
            left_out.append(f"{path}: no run of mpineat here or one folder below")
        for run_dir in found:
            try:
                experiment = read_experiment(run_dir)
            except InputError as error:
                left_out.append(str(error))
                continue
            first = experiments.setdefault(experiment.run_id, experiment)
            if first is not experiment and first.path.resolve() != run_dir.resolve():
                left_out.append(f"{run_dir}: a copy of {first.path}; counted once")
    return tuple(experiments.values()), tuple(left_out)


def find_runs(path: Path) -> tuple[Path, ...]:
    """Return `path` when it is a run directory, else the run directories in it."""
    if directory.is_used(path):
        return (path,)
    inside = sorted(path.iterdir()) if path.is_dir() else []
    return tuple(folder for folder in inside if directory.is_used(folder))


def read_experiment(run_dir: Path) -> Experiment:
    """Read one run.

    Raises:
        InputError: It is no run, or nothing in it says what its configuration was.
    """
    run = store.read_run(run_dir)
    config = run.config
    if config is None:
        raise InputError(f"{run_dir}: left out: {'; '.join(run.problems)}")
    return Experiment(
        path=run_dir,
        run_id=run.generations[0].run_id if run.generations else str(run_dir.resolve()),
        config=config,
        generations=tuple(
            GenerationRecord(number=g.number, seconds=g.seconds, outcomes=g.outcomes)
            for g in run.generations
        ),
        workers=run.workers,
        devices=tuple(sorted({o.device for g in run.generations for o in g.outcomes if o.device})),
        final=run.final.outcomes if run.final else (),
        problems=run.problems,
    )
