"""One launch of `mpineat run`: from a configuration to an exit code, on every rank."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mpineat import store
from mpineat.cluster import batch, stop
from mpineat.config import Config, yaml_file
from mpineat.config.difference import changed, changes_outcomes
from mpineat.data.dataset import describe
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
from mpineat.genotype.validity import blueprint_problem, module_problem
from mpineat.log.console import open_log
from mpineat.log.progress import Progress
from mpineat.search import Origin, Search
from mpineat.store import Generation, directory, journal, lock, provenance
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
    data = describe(config.dataset)
    run_dir = request.run_dir or Path("runs") / f"{request.config_path.stem}-s{config.run.seed}"
    if directory.is_used(run_dir) and not request.resume:
        raise InputError(
            f"{run_dir}: already holds a run; --resume continues it, another RUN_DIR starts anew"
        )
    directory.create(run_dir)
    with ExitStack() as opened:
        held = opened.enter_context(lock.RunLock(run_dir))
        console = open_log(run_dir, 0, verbose=request.verbose)
        progress = Progress(config, run_dir, console=console)
        origin = take_up(run_dir, config, accept_damage=request.accept_damage)
        book = opened.enter_context(Journal(run_dir, origin.run_id, held.check))
        workers = member.open(config, run_dir / directory.LOGS, stopping)
        try:
            entry = provenance.describe(ranks=member.size, mpi=member.library)
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
    history = store.history(run_dir)
    _check_same_run(run_dir, config, history.generations)
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
    """Return the run's id: that of its generations, before their first that of the journal."""
    if generations:
        return generations[-1].run_id
    found = journal.read(run_dir).run_ids
    if len(found) > 1:
        raise InputError(
            f"{run_dir / directory.JOURNAL}: holds lines of several runs ({', '.join(found)}), and "
            "no generation says which is this one; bring back the run's own file"
        )
    return found[0] if found else uuid.uuid4().hex


def _check_same_run(run_dir: Path, config: Config, generations: Sequence[Generation]) -> None:
    """Refuse to go on with options that would make the history mean nothing."""
    texts: dict[str, Path] = {}
    for generation in generations:
        texts.setdefault(generation.config, directory.generation_path(run_dir, generation.number))
    before = {path: yaml_file.loads(text, str(path)) for text, path in texts.items()}
    # Which tells of the run alone until its first generation has ended.
    path = run_dir / directory.CONFIG
    if not before and path.exists():
        before = {path: yaml_file.load(path)}
    wrong: dict[str, str] = {}
    for path, earlier in before.items():
        for name, (now, then) in changed(config, earlier).items():
            if changes_outcomes(name):
                text = f"{path}: {name}: the run has {then!r}, found {now!r}"
                wrong.setdefault(name, f"{text}; start another RUN_DIR")
    if wrong:
        raise InputError("\n".join(wrong.values()))
    for generation in generations[-1:]:
        path = directory.generation_path(run_dir, generation.number)
        state = generation.state
        for name, problems in (
            ("module", ((m.id, module_problem(m, config)) for m in state.modules.genomes)),
            ("blueprint", ((b.id, blueprint_problem(b, config)) for b in state.blueprints.genomes)),
        ):
            for number, problem in problems:
                if problem:
                    raise InputError(
                        f"{path}: {name} {number}: {problem}: not as mpineat writes it"
                    )
