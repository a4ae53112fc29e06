"""The command `job`: a job file for a configuration and a batch system, and what it needs."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from mpineat.errors import DONE, InputError, shown

SHORTEST_MINUTES = 10  # the job is warned 5 minutes before its limit
MOST = 100_000  # nodes, or GPUs or cores of one


def systems() -> Iterable[str]:
    """Return the names of the batch systems."""
    from mpineat import registry

    return registry.names("batch_system")


def command(arguments: argparse.Namespace) -> int:
    """Write the job file, the files that it sources, the configurations, or several of these."""
    from mpineat.cluster import job_file

    if arguments.config is arguments.export is arguments.files is arguments.configs is None:
        raise InputError(
            "job: expected CONFIG, --export RUN_DIR, --files DIR, --configs DIR or several of these"
        )
    if arguments.config is not None and arguments.export is not None:
        raise InputError(
            "job: CONFIG is for a search, --export RUN_DIR for what follows: one of them"
        )
    wanted = arguments.config is not None or arguments.export is not None
    text = _script(arguments) if wanted else None
    done = () if arguments.files is None else job_file.write_support(arguments.files)
    if arguments.configs is not None:
        done += job_file.write_configs(arguments.configs)
    if text is not None and arguments.output is not None:
        try:
            arguments.output.write_text(text)
        except OSError as error:
            raise InputError(f"{arguments.output}: cannot be written: {error.strerror}") from error
        done = (*done, f"wrote {arguments.output}")
    elif text is not None:
        sys.stdout.write(text)
    # Beside a script on standard output nothing else may stand there.
    file = sys.stderr if text is not None and arguments.output is None else sys.stdout
    for line in done:
        print(shown(line), file=file)
    return DONE


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what a job asks the batch system for, and where the files go."""
    for name, default, remark in (
        ("--nodes", 1, ""),
        ("--gpus-per-node", 2, "; 0: train on CPUs"),
        ("--cores-per-node", 18, ""),
    ):
        command.add_argument(
            name, type=int, default=default, metavar="N", help=f"default: {default}{remark}"
        )
    command.add_argument("--hours", type=float, default=3.0, metavar="H", help="default: 3")
    command.add_argument("--queue", default="", help="queue or partition; default: the site's")
    command.add_argument("--name", help="of the job; default: mpineat_ and the configuration's")
    command.add_argument(
        "--run-dir",
        type=Path,
        metavar="RUN_DIR",
        help="default: runs/ and the configuration's name",
    )
    command.add_argument(
        "--export",
        type=Path,
        metavar="RUN_DIR",
        help="instead of CONFIG: a job of one process that exports the winner of this run",
    )
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: print it")
    command.add_argument(
        "--files",
        type=Path,
        metavar="DIR",
        help="write site.sh and search.sh, which job files source, to DIR; default: jobs has them",
    )
    command.add_argument(
        "--configs",
        type=Path,
        metavar="DIR",
        help="write the configurations of the known data sets to DIR, to edit them there",
    )


def _script(arguments: argparse.Namespace) -> str:
    from mpineat import registry
    from mpineat.cluster import job_file
    from mpineat.cluster.batch import KIND, BatchSystem, Job

    if arguments.system is None:
        raise InputError(f"job: expected --system {'|'.join(systems())}")
    system: BatchSystem = registry.load(KIND, arguments.system)
    stem = "export" if arguments.config is None else arguments.config.stem
    name = arguments.name or "mpineat_" + re.sub(r"[^\w.+-]", "_", stem, flags=re.ASCII)
    for option, word in (("--name", name), ("--queue", arguments.queue)):
        if not re.fullmatch(r"[\w.+-]*", word, flags=re.ASCII):
            raise InputError(f"{option} {word!r}: expected letters, digits and any of _ . + -")
    for option, number, least in (
        ("--nodes", arguments.nodes, 1),
        ("--gpus-per-node", arguments.gpus_per_node, 0),
        ("--cores-per-node", arguments.cores_per_node, 1),
    ):
        if not least <= number <= MOST:
            raise InputError(f"{option} {number}: expected {least} to {MOST}")
    if not SHORTEST_MINUTES <= arguments.hours * 60 <= 10 * 366 * 24 * 60:
        raise InputError(
            f"--hours {arguments.hours:g}: expected at least {SHORTEST_MINUTES} minutes, "
            "since the job is warned 5 minutes before its limit"
        )
    asked = Job(
        name=name,
        queue=arguments.queue,
        nodes=arguments.nodes,
        gpus_per_node=arguments.gpus_per_node,
        cores_per_node=arguments.cores_per_node,
        minutes=round(arguments.hours * 60),
    )
    folder, file = arguments.files or Path("jobs"), arguments.output or Path("FILE")
    if arguments.export is not None:
        # One process trains, on one GPU where there is any.
        alone = replace(asked, nodes=1, gpus_per_node=min(1, asked.gpus_per_node), beside=0)
        return job_file.export_script(
            alone, system, run_dir=arguments.export, folder=folder, file=file
        )
    return job_file.script(
        asked,
        system,
        config=arguments.config,
        run_dir=arguments.run_dir or Path("runs") / stem,
        folder=folder,
        file=file,
        options=_data_set(arguments.config),
    )


def _data_set(config_path: Path) -> tuple[str, ...]:
    """Return the option by which a data set is looked for in the site's folder of data sets.

    A path that is absolute in the file, not only as `load` makes it, means what it says.
    """
    from mpineat.config import yaml_file, yaml_text

    config = yaml_file.load(config_path)
    written = yaml_file.written(yaml_text.read(config_path), str(config_path)).values
    section = written.get("dataset") or {}
    path = Path(section.get("path") or "/")
    if (
        path.is_absolute()
        or not re.fullmatch(r"[\w.+-]+", path.name)
        or config.dataset.name == "file"
    ):
        return ()
    return (f'dataset.path="$MPINEAT_DATA/{path.name}"',)
