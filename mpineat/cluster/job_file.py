"""Job files: what a batch system is given to run a search."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from mpineat.cluster.batch import BatchSystem, Job
from mpineat.errors import InputError
from mpineat.units import plural

SUPPORT = ("site.sh", "search.sh")  # what every job file sources
REQUEUE = """
# After exit code 75, stopped in time, the job goes back into the queue.
requeue() {{ {command}; }}
"""


class _Template(Template):
    delimiter = "%"  # "$" is the shell's


def script(
    job: Job,
    system: BatchSystem,
    *,
    config: Path,
    run_dir: Path,
    folder: Path,
    file: Path,
    options: Sequence[str] = (),
) -> str:
    """Return the text of a job file.

    Args:
        folder: Where site.sh and search.sh are.
        file: The job file's own name, for the comment that says how to submit it.
        options: Words for `mpineat run`, as the shell is to read them.
    """
    return _Template(_text("job.sh")).substitute(
        _common(job, system, run_dir, folder, file),
        config=_word(config),
        nodes=f"nodes={job.nodes}\n" if job.nodes > 1 else "",
        ranks=job.ranks,
        options="".join(f"{word} " for word in options),
    )


def export_script(job: Job, system: BatchSystem, *, run_dir: Path, folder: Path, file: Path) -> str:
    """Return the text of a job file that exports the winner of a run. Arguments as of `script`."""
    return _Template(_text("export.sh")).substitute(_common(job, system, run_dir, folder, file))


def _common(
    job: Job, system: BatchSystem, run_dir: Path, folder: Path, file: Path
) -> dict[str, object]:
    places = plural(job.nodes, "node")
    if job.gpus_per_node:
        places += f" with {plural(job.gpus_per_node, 'GPU')}{' each' if job.nodes > 1 else ''}"
    return {
        "run_dir": _word(run_dir),
        "folder": _word(folder),
        "submit": f"{system.submit} {_word(file)}",
        "places": places,
        "header": system.header(job),
        "requeue": REQUEUE.format(command=system.requeue) if system.requeue else "",
    }


def write_support(folder: Path) -> tuple[str, ...]:
    """Write what job files source, as `write_configs` does."""
    return _write(folder, SUPPORT)


def write_configs(folder: Path) -> tuple[str, ...]:
    """Write the configurations, and return what was done; a file that is there stays as it is.

    Raises:
        InputError: The folder cannot be written.
    """
    embedded = files("mpineat.embedded").iterdir()
    return _write(folder, sorted(file.name for file in embedded if file.name.endswith(".yaml")))


def _write(folder: Path, names: Sequence[str]) -> tuple[str, ...]:
    done = []
    for name in names:
        path = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(path, "x") as file:
                file.write(_text(name))
        except FileExistsError:
            done.append(f"{path}: there already, left as it is")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        else:
            done.append(f"wrote {path}")
    return tuple(done)


def _text(name: str) -> str:
    return files("mpineat.embedded").joinpath(name).read_text()


def _word(path: Path) -> str:
    """Return a path as one word of the shell, on one line of the file."""
    if not str(path).isprintable():
        raise InputError(f"{str(path)!r}: no name for a job file: expected printable characters")
    return shlex.quote(str(path))
