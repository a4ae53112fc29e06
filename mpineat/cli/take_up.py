"""Where a launch takes a run up: whether it is the same run, and which file is its newest."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from pathlib import Path

from mpineat import __version__, store, units
from mpineat.config import Config, earlier, yaml_file
from mpineat.config.difference import changed, changes_outcomes
from mpineat.errors import InputError
from mpineat.evolution.state import State
from mpineat.genotype.validity import blueprint_problem, module_problem
from mpineat.search import Origin
from mpineat.store import Generation, directory, journal, provenance

NAMED_AT_MOST = 10  # options that differ from the run's

log = logging.getLogger(__name__)


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
