"""One launch of `mpineat run`: from a configuration to an exit code, on every rank."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mpineat import screening, store, units
from mpineat.cli import same_data
from mpineat.cli.take_up import take_up
from mpineat.cluster import batch, stop
from mpineat.config import Config, earlier, yaml_file
from mpineat.data import contact_sheet
from mpineat.data.class_weights import described
from mpineat.data.survey import survey
from mpineat.errors import (
    DONE,
    FAILED,
    STOPPED,
    USAGE,
    FarmError,
    Fruitless,
    InputError,
    Stopped,
    StorageError,
    complain,
)
from mpineat.farm import mpi
from mpineat.farm.job import Membership
from mpineat.log import generation_row
from mpineat.log.console import listen, open_log
from mpineat.log.progress import Progress
from mpineat.search import Search
from mpineat.store import directory, lock, provenance
from mpineat.store.journal import Journal
from mpineat.tasks import Totals, best

IN_VAIN_AT_MOST = 3  # launches in a row that were stopped before one evaluation ended

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for; run_dir None: runs/<name of the configuration>-s<seed>."""

    config_path: Path
    overrides: Sequence[str] = ()
    run_dir: Path | None = None
    resume: bool = False
    accept_damage: bool = False
    steal_lock: bool = False
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
        except (StorageError, FarmError, Fruitless) as error:
            code = complain(error, FAILED)
        return member.end(code)


def _lead(request: Request, member: Membership, stopping: stop.Stop) -> int:
    if reason := stopping.reason():
        raise Stopped(f"stopped before the run began: {reason}")
    listen(verbose=request.verbose)  # whom the lock is waited for must not go unsaid
    config, run_dir = _configured(request)
    stopping.limit(*batch.time_limit(config.run.wall_minutes, config.run.grace_seconds))
    read = survey(config.dataset)
    data, fingerprint = read.description, read.fingerprint()
    weights = read.class_weights(config)
    config = screening.settled(config, data.train_examples)
    sheet = contact_sheet.png(read.train, data.class_names)
    del read  # the images; workers have their own
    directory.create(run_dir)
    with ExitStack() as opened:
        lock_ = lock.RunLock(run_dir, stop=stopping, steal=request.steal_lock)
        held = opened.enter_context(lock_)
        console = open_log(run_dir, verbose=request.verbose)
        progress = Progress(config, run_dir, console=console)
        same_data.compare(run_dir, fingerprint)
        origin = take_up(run_dir, config, accept_damage=request.accept_damage)
        book = opened.enter_context(Journal(run_dir, origin.run_id, held.check))
        same_data.record(run_dir, fingerprint, sheet)
        for note in data.notes:
            log.info("data set: %s", note)
        if weights is not None:
            log.info("class weights: %s", described(weights, data.class_names))
        workers = member.open(
            config,
            run_dir / directory.LOGS,
            stopping,
            weights=run_dir / directory.WEIGHTS,
            dataset=fingerprint.training,
        )
        end, evaluated = provenance.FAILED, 0
        try:
            entry = provenance.describe(
                run_id=origin.run_id,
                ranks=member.size,
                mpi=member.library,
                dataset=fingerprint.to_json(),
                class_weights=weights or (),
            )
            provenance.record(run_dir, entry)
            journaled = book.of(origin.number)
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
                journal=book,
                stop=stopping,
                progress=progress,
                shape=data.input_shape,
                classes=data.classes,
            )
            try:
                search.run()
            finally:
                evaluated = search.evaluated
            end = provenance.DONE
        except Stopped as stopped:
            end, reason = provenance.STOPPED, str(stopped)
            progress.stopped(reason)
        finally:
            devices = [worker.device for worker in workers.workers()]
            ended = {"ended": provenance.utc_now(), "end": end, "evaluated": evaluated}
            provenance.record(run_dir, {**entry, "devices": devices, **ended})
            workers.close()
        if end == provenance.STOPPED:
            _check_not_in_vain(run_dir, reason or "")
            return STOPPED
        progress.done()
        if progress.best is None:
            raise Fruitless(_why_nothing(run_dir))
    return DONE


def _configured(request: Request) -> tuple[Config, Path]:
    """Return the configuration and the run directory; of a run to go on with, what it lacked."""
    path, words = request.config_path, request.overrides
    config = yaml_file.load(path, words)
    run_dir = request.run_dir or Path("runs") / f"{path.stem}-s{config.run.seed}"
    if not directory.is_used(run_dir):
        return config, run_dir
    if not request.resume:
        raise InputError(
            f"{run_dir}: already holds a run; --resume continues it, another RUN_DIR starts anew"
        )
    recorded = run_dir / directory.CONFIG
    if recorded.exists() and (lacking := earlier.load(recorded).lacking):
        config = earlier.load_user(path, words, lacking)
    return config, run_dir


def _check_not_in_vain(run_dir: Path, reason: str) -> None:
    """Raise Fruitless where a batch system would start the same job for ever."""
    times = provenance.stopped_in_vain(provenance.read(run_dir)[0])
    if times >= IN_VAIN_AT_MOST:
        raise Fruitless(
            f"{run_dir}: {times} launches in a row were stopped before one evaluation ended, the "
            f"last by {reason}: the time limit is shorter than an evaluation; raise it, or make "
            "evaluations shorter (training.epochs, search_space.max_flops)"
        )


def _why_nothing(run_dir: Path) -> str:
    outcomes = [
        o for generation in store.read_run(run_dir).generations for o in generation.outcomes
    ]
    example = next((o for o in outcomes if o.detail), None)
    told = f"; candidate {example.candidate}: {example.detail}" if example else ""
    return (
        f"{run_dir}: none of {units.plural(len(outcomes), 'candidate')} could be trained: "
        f"{generation_row.failures_text(Totals.of(outcomes).reasons)}{told}"
    )
