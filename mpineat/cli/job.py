"""The command `job`: a job file for a configuration and a batch system."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mpineat import registry
from mpineat.errors import DONE, InputError

if TYPE_CHECKING:
    from mpineat.config import Config

SHORTEST_MINUTES = 10  # the job is warned 5 minutes before its limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("config", nargs="?", type=Path, metavar="CONFIG")
    parser.add_argument(
        "--system", metavar="NAME", help=", ".join(registry.BUILT_IN["batch_system"])
    )
    parser.add_argument("--nodes", type=_positive, default=1, metavar="N", help="default: 1")
    parser.add_argument(
        "--gpus-per-node", type=_count, default=2, metavar="N", help="default: 2; 0: train on CPUs"
    )
    parser.add_argument(
        "--cores-per-node", type=_positive, default=18, metavar="N", help="default: 18"
    )
    parser.add_argument("--hours", type=float, default=3.0, metavar="H", help="default: 3")
    parser.add_argument("--queue", default="", help="queue or partition; default: the site's")
    parser.add_argument("--name", help="of the job; default: mpineat_ and the configuration's")
    parser.add_argument(
        "--run-dir", type=Path, metavar="RUN_DIR", help="default: runs/ and the same"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: print it")
    parser.add_argument(
        "--files",
        type=Path,
        metavar="DIR",
        help="write site.sh and search.sh, which job files source, to DIR; default: jobs has them",
    )


def command(arguments: argparse.Namespace) -> int:
    """Write the job file, the files that it sources, or both."""
    from mpineat.cluster import job_file

    if arguments.config is None and arguments.files is None:
        raise InputError("job: expected CONFIG, --files DIR or both")
    text = None if arguments.config is None else _script(arguments)
    done = () if arguments.files is None else job_file.write_support(arguments.files)
    if text is not None and arguments.output is not None:
        try:
            arguments.output.write_text(text)
        except OSError as error:
            raise InputError(f"{arguments.output}: cannot be written: {error.strerror}") from error
        done = (*done, f"wrote {arguments.output}")
    elif text is not None:
        sys.stdout.write(text)
    for line in done:
        print(
            line, file=sys.stderr if text is not None and arguments.output is None else sys.stdout
        )
    return DONE


def _script(arguments: argparse.Namespace) -> str:
    from mpineat.cluster import job_file
    from mpineat.cluster.batch import KIND, BatchSystem, Job
    from mpineat.config import yaml_file

    if arguments.system is None:
        raise InputError(f"job: expected --system {'|'.join(registry.names(KIND))}")
    system: BatchSystem = registry.load(KIND, arguments.system)
    stem = arguments.config.stem
    name = arguments.name or "mpineat_" + re.sub(r"[^\w.+-]", "_", stem, flags=re.ASCII)
    for option, word in (("--name", name), ("--queue", arguments.queue)):
        if not re.fullmatch(r"[\w.+-]*", word, flags=re.ASCII):
            raise InputError(f"{option} {word!r}: expected letters, digits and any of _ . + -")
    if not SHORTEST_MINUTES <= arguments.hours * 60 <= 10 * 366 * 24 * 60:
        raise InputError(
            f"--hours {arguments.hours:g}: expected at least {SHORTEST_MINUTES} minutes, "
            "since the job is warned 5 minutes before its limit"
        )
    return job_file.script(
        Job(
            name=name,
            queue=arguments.queue,
            nodes=arguments.nodes,
            gpus_per_node=arguments.gpus_per_node,
            cores_per_node=arguments.cores_per_node,
            minutes=round(arguments.hours * 60),
        ),
        system,
        config=arguments.config,
        run_dir=arguments.run_dir or Path("runs") / stem,
        folder=arguments.files or Path("jobs"),
        file=arguments.output or Path("FILE"),
        options=_data_set(yaml_file.load(arguments.config)),
    )


def _data_set(config: Config) -> tuple[str, ...]:
    """Return the option by which a data set is looked for in the site's folder of data sets."""
    path = Path(config.dataset.path or "/")
    if (
        path.is_absolute()
        or not re.fullmatch(r"[\w.+-]+", path.name)
        or config.dataset.name == "file"
    ):
        return ()
    return (f'dataset.path="$MPINEAT_DATA/{path.name}"',)


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text, flags=re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return int(text)
