"""One launch of `mpineat run`: from a configuration to an exit code, on every rank."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mpineat import __version__, store, units
from mpineat.cli import same_data
from mpineat.cluster import batch, stop
from mpineat.config import Config, earlier, yaml_file
from mpineat.config.difference import changed, changes_outcomes
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
from mpineat.evolution.state import State
from mpineat.farm import mpi
from mpineat.farm.job import Membership
from mpineat.genotype.validity import blueprint_problem, module_problem
from mpineat.log import generation_row
from mpineat.log.console import listen, open_log
from mpineat.log.progress import Progress
from mpineat.search import Origin, Search
from mpineat.store import Generation, directory, journal, lock, provenance
from mpineat.store.journal import Journal
from mpineat.tasks import Totals, best

IN_VAIN_AT_MOST = 3  # launches in a row that were stopped before one evaluation ended
NAMED_AT_MOST = 10  # options that differ from the run's

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


def take_up(run_dir: Path, config: Config, *, accept_damage: bool = False) -> Origin:
    """Return where to go on, with config.yaml written.

    Args:
        accept_damage: Whether to set damaged files aside that are newer than every whole one.

    Raises:
        InputError: The newest file is damaged and that was not accepted, a file is of another
            version, or options changed that change outcomes; nothing was changed.
        StorageError: A file cannot be read now; nothing was changed.
    """
    history = store.history(run_dir)
    _check_same_run(run_dir, config, history.generations)
    for newest in history.generations[-1:]:
        _check_genomes(directory.generation_path(run_dir, newest.number), newest.state, config)
    if history.newest and not accept_damage:
        names = " and ".join(str(path) for path in history.newest)
        raise InputError(
            f"{names}: damaged, and nothing whole is newer; bring back a copy, or let "
            "--accept-damage keep it beside its name and repeat its generation"
        )
    run_id = _run_id(run_dir, history.generations)
    directory.remove_temporary(run_dir)
    for path in history.newest:
        aside = directory.set_aside(path)
        log.warning("%s is damaged: kept as %s, its generation is repeated", path, aside.name)
    for damage in history.older:
        log.warning("%s; networks that it knew are trained again where they return", damage)
    directory.write_durably(run_dir / directory.CONFIG, yaml_file.dumps(config).encode())
    return Origin(earlier=history.generations, run_id=run_id)


def _run_id(run_dir: Path, generations: Sequence[Generation]) -> str:
    """Return the run's id: its generations', before the first what journal and launches say."""
    if generations:
        return generations[-1].run_id
    found = journal.read(run_dir).run_ids
    recorded = {launch.run_id for launch in provenance.read(run_dir)[0]} - {""}
    own = [run_id for run_id in found if run_id in recorded] if recorded else found
    if found and len(own) != 1:
        raise InputError(
            f"{run_dir / directory.JOURNAL}: holds lines of {', '.join(found)}, and no generation "
            "says which run is this one; bring back the run's own file"
        )
    return own[0] if own else uuid.uuid4().hex


def _check_same_run(run_dir: Path, config: Config, generations: Sequence[Generation]) -> None:
    """Refuse to go on with options that would make the history mean nothing."""
    recorded = {
        directory.generation_path(run_dir, generation.number): generation.config
        for generation in generations
    }
    texts = {text: path for path, text in reversed(recorded.items())}  # each once, of the oldest
    path = run_dir / directory.CONFIG
    written = {path: earlier.load(path)} if path.exists() else {}
    # Until the first generation has ended config.yaml alone tells; later it may have been lost.
    before = {path: earlier.loads(text, str(path)) for text, path in texts.items()} or written
    launches = provenance.read(run_dir)[0]
    theirs = {f"mpineat {launch.version}" for launch in launches[-1:] if launch.version}
    other = "".join(theirs - {f"mpineat {__version__}"}) or "another version"
    wrong: dict[str, str] = {}
    for then in (*written.values(), *before.values()):
        for name, place in then.unknown.items():
            wrong[name] = (
                f"{place}: {name}: mpineat {__version__} has no such option, the run was last "
                f"written by {other}; resume it with that, or start another RUN_DIR"
            )
    for path, then in before.items():
        for name, (now, was) in changed(config, then.config).items():
            if changes_outcomes(name) and name not in wrong:
                wrong[name] = (
                    f"{path}: {name}: the run has {was!r}, found {now!r}; start another RUN_DIR"
                )
    if wrong:
        lines = list(wrong.values())
        if more := lines[NAMED_AT_MOST:]:
            lines[NAMED_AT_MOST:] = [f"and {units.plural(len(more), 'option')} more"]
        raise InputError(*lines)


def _check_genomes(path: Path, state: State, config: Config) -> None:
    """Refuse to breed from what this search space does not know."""
    modules = (("module", m.id, module_problem(m, config)) for m in state.modules.genomes)
    blueprints = (
        ("blueprint", b.id, blueprint_problem(b, config)) for b in state.blueprints.genomes
    )
    for name, number, problem in (*modules, *blueprints):
        if problem:
            raise InputError(f"{path}: {name} {number}: {problem}: not as mpineat writes it")
