"""One launch of `mpineat run`: from a configuration to an exit code, on every rank."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mpineat import store
from mpineat.cli import same_data
from mpineat.cluster import batch, stop
from mpineat.config import Config, yaml_file
from mpineat.config.difference import changed, changes_outcomes
from mpineat.data.survey import survey
from mpineat.errors import (
    DONE,
    FAILED,
    STOPPED,
    USAGE,
    FarmError,
    InputError,
    StorageError,
    complain,
)
from mpineat.evaluations import Stopped
from mpineat.farm import mpi
from mpineat.farm.job import Membership
from mpineat.log.console import open_log
from mpineat.log.progress import Progress
from mpineat.search import Origin, Search
from mpineat.store import Generation, directory, lock, provenance
from mpineat.store.journal import Journal
from mpineat.tasks import best

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for; run_dir None: runs/<name of the configuration>-s<seed>."""

    config_path: Path
    overrides: Sequence[str] = ()
    run_dir: Path | None = None
    resume: bool = False
    accept_damage: bool = False
    verbose: bool = False


def launch(request: Request, stopping: stop.Stop) -> int:
    """Run the search on rank 0 and serve it on every other rank; return the exit code.

    Args:
        stopping: Installed already; a signal that came before all ranks met ends the job here.
    """
    with mpi.join() as member:
        if member.rank:
            return member.serve(stopping)
        try:
            code = _lead(request, member, stopping)
        except Stopped as stopped:
            code = complain(stopped, STOPPED)
        except InputError as error:
            code = complain(error, USAGE)
        except (StorageError, FarmError) as error:
            code = complain(error, FAILED)
        return member.end(code)


def _lead(request: Request, member: Membership, stopping: stop.Stop) -> int:
    if reason := stopping.reason():
        raise Stopped(f"stopped before the run began: {reason}")
    config = yaml_file.load(request.config_path, request.overrides)
    stopping.limit(*batch.time_limit(config.run.wall_minutes, config.run.grace_seconds))
    run_dir = request.run_dir or Path("runs") / f"{request.config_path.stem}-s{config.run.seed}"
    if directory.is_used(run_dir) and not request.resume:
        raise InputError(
            f"{run_dir}: already holds a run; --resume continues it, another RUN_DIR starts anew"
        )
    read = survey(config.dataset)
    data, fingerprint = read.description, read.fingerprint()
    del read  # the images; workers have their own
    directory.create(run_dir)
    with lock.RunLock(run_dir) as held, Journal(run_dir, held.check) as journal:
        console = open_log(run_dir, 0, verbose=request.verbose)
        progress = Progress(config, run_dir, console=console)
        same_data.compare(run_dir, fingerprint)
        origin = take_up(run_dir, config, accept_damage=request.accept_damage)
        same_data.record(run_dir, fingerprint)
        for note in data.notes:
            log.info("data set: %s", note)
        workers = member.open(
            config, run_dir / directory.LOGS, stopping, dataset=fingerprint.training
        )
        try:
            entry = provenance.describe(
                ranks=member.size, mpi=member.library, dataset=fingerprint.to_json()
            )
            provenance.record(run_dir, entry)
            journaled = journal.of(origin.number)
            for sentence in journaled.damaged:
                log.warning("%s", sentence)
            progress.launched(
                config_name=str(request.config_path),
                ranks=member.size,
                workers=workers.workers(),
                dataset=data.line(config.dataset),
                classes=data.classes,
                generation=origin.number,
                evaluated=journaled.outcomes,
                best=best([o for generation in origin.earlier for o in generation.outcomes]),
            )
            search = Search(
                config,
                run_dir,
                origin,
                farm=workers,
                journal=journal,
                stop=stopping,
                progress=progress,
                shape=data.input_shape,
                classes=data.classes,
            )
            search.run()
        except Stopped as stopped:
            progress.stopped(str(stopped))
            return STOPPED
        finally:
            devices = [worker.device for worker in workers.workers()]
            provenance.record(run_dir, {**entry, "devices": devices, "ended": provenance.utc_now()})
            workers.close()
        progress.done()
    return DONE


def take_up(run_dir: Path, config: Config, *, accept_damage: bool = False) -> Origin:
    """Return where to go on, with config.yaml written.

    Args:
        accept_damage: Whether to set damaged files aside that are newer than every whole one.

    Raises:
        InputError: The newest file is damaged and that was not accepted, a file is of another
            version, or options changed that change outcomes; nothing was changed.
        StorageError: A file cannot be read now; nothing was changed.
    """
    directory.remove_temporary(run_dir)
    _check_same_run(run_dir / directory.CONFIG, config)
    newest, damaged = store.newest(run_dir)
    earlier = () if newest is None else _earlier(run_dir, newest)
    if damaged and not accept_damage:
        names = " and ".join(str(path) for path in damaged)
        raise InputError(
            f"{names}: damaged, and nothing whole is newer; bring back a copy, or let "
            "--accept-damage keep it beside its name and repeat its generation"
        )
    for path in damaged:
        aside = directory.set_aside(path)
        log.warning("%s is damaged: kept as %s, its generation is repeated", path, aside.name)
    directory.write_durably(run_dir / directory.CONFIG, yaml_file.dumps(config).encode())
    return Origin(earlier=earlier, run_id=newest.run_id if newest else uuid.uuid4().hex)


def _earlier(run_dir: Path, newest: Generation) -> tuple[Generation, ...]:
    """Return the whole generations up to the newest; a damaged older one costs its own alone."""
    found: list[Generation] = []
    for path in directory.generation_paths(run_dir):
        if path == directory.generation_path(run_dir, newest.number):
            break
        try:
            found.append(store.read(path))
        except store.Damaged as damage:
            log.warning("%s; networks that it knew are trained again where they return", damage)
    return (*found, newest)


def _check_same_run(path: Path, config: Config) -> None:
    """Refuse to go on with options that would make the history mean nothing."""
    if not path.exists():
        return
    wrong = [
        f"{path}: {name}: the run has {before!r}, found {now!r}; start another RUN_DIR"
        for name, (now, before) in changed(config, yaml_file.load(path)).items()
        if changes_outcomes(name)
    ]
    if wrong:
        raise InputError("\n".join(wrong))
