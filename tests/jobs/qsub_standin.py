#!/usr/bin/env python3
"""A stand-in for PBS's qsub and qstat, to run job files where there is no PBS: one host, waits.

    python qsub_standin.py job.pbs

After OpenPBS's manual pages: options from the #PBS lines before the first command; the job starts
in the home folder with PBS_* variables and, by -V, the environment of qsub; what a job submits
waits its turn; at the walltime SIGTERM, and SIGKILL a little later. Within a job `qstat -f` tells
the limit; QSTAT_LEFT=SECONDS is what it leaves the first job, so that a test need not guess how
fast a machine is. The exit code is that of the last job.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WITH_VALUE = frozenset("NjlqrAoWv")
RESOURCES = re.compile(
    r"select=(\d+(:(ncpus|ngpus|mpiprocs)=\d+)+\+?)+(?<!\+)|place=(scatter|pack)|walltime=(\d+:)?\d+:\d\d"
)
HERE = str(Path(__file__).parent)
KILL_SECONDS = 10.0  # the queue's kill_delay
JOBS_AT_MOST = 20


class BadOption(Exception):
    """What qsub would refuse."""


def parse(script: str) -> dict[str, list[str]]:
    """Return option -> values of the script's directives."""
    options: dict[str, list[str]] = {}
    for line in script.splitlines():
        if line and not line.startswith("#"):
            break  # directives behind the first command are comments
        if line.startswith("#PBS"):
            words = shlex.split(line[4:])
            name = words[0].removeprefix("-")
            if len(words) != 1 + (name in WITH_VALUE) or name not in WITH_VALUE | {"V"}:
                raise BadOption(f"qsub: illegal -{name} value: {line}")
            options.setdefault(name, []).extend(words[1:])
    for resource in options.get("l", ()):
        if not RESOURCES.fullmatch(resource):
            raise BadOption(f"qsub: Illegal attribute or resource value: {resource}")
    return options


def walltime(options: dict[str, list[str]]) -> str:
    """Return the limit as PBS shows it."""
    (found,) = (word[9:] for word in options["l"] if word.startswith("walltime="))
    return found


def submit(path: Path, folder: Path) -> str:
    """Copy a script into the queue, with the environment of now."""
    text = path.read_text()
    options = parse(text)
    number = 1 + len(list(folder.glob("*.SC")))
    copy = folder / f"{number}.server.SC"
    copy.write_text(text)
    copy.chmod(0o755)
    kept = dict(os.environ) if "V" in options else {"PATH": os.environ["PATH"]}
    copy.with_suffix(".json").write_text(json.dumps(kept | {"PBS_O_WORKDIR": os.getcwd()}))
    return f"{number}.server"


def run(job: str, folder: Path) -> int:
    """Run a job to its end."""
    script = folder / f"{job}.SC"
    options = parse(script.read_text())
    hours, minutes, seconds = (["0", *walltime(options).split(":")])[-3:]
    limit = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    environment = json.loads(script.with_suffix(".json").read_text()) | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PBS_JOBID": job,
        "PBS_JOBNAME": options["N"][0],
        "PBS_QUEUE": "workq",
        "PBS_ENVIRONMENT": "PBS_BATCH",
        "QSUB_STANDIN": str(folder),
        "QSUB_STARTED": str(time.time()),
    }
    if job != "1.server":
        environment.pop("QSTAT_LEFT", None)
    # The shell is given the name of the copy, which is $0 in it.
    with open(folder / f"{options['N'][0]}.o{job.partition('.')[0]}", "ab") as log:
        process = subprocess.Popen(
            ["/bin/bash"], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder,
            env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            process.communicate(f"{script}\n".encode(), timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            time.sleep(KILL_SECONDS)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode if process.returncode >= 0 else 256 - process.returncode


def qstat(job: str, folder: Path) -> str:
    """Return what `qstat -f JOB` prints, as far as it matters."""
    limit = walltime(parse((folder / f"{job}.SC").read_text()))
    started = float(os.environ["QSUB_STARTED"])
    if left := os.environ.get("QSTAT_LEFT"):
        limit = time.strftime("%H:%M:%S", time.gmtime(time.time() - started + float(left)))
    return (
        f"Job Id: {job}\n    job_state = R\n    Resource_List.walltime = {limit}\n"
        f"    stime = {time.ctime(started)}\n"
    )


def main(program: str, arguments: list[str]) -> int:
    """Act as qstat or qsub: within a job for its server, else as a server that waits."""
    inside = os.environ.get("QSUB_STANDIN")
    try:
        if inside and program == "qstat":
            sys.stdout.write(qstat(arguments[1], Path(inside)))
        elif inside:
            print(submit(Path(arguments[0]), Path(inside)))
        else:
            return serve(Path(arguments[0]), Path(arguments[1]))
    except BadOption as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def serve(script: Path, logs: Path) -> int:
    """Submit a script, run it and what it submits, and leave the outputs in `logs`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("qsub", "qstat"):
            shim = folder / program
            shim.write_text(
                f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {HERE!r})\n"
                f"import qsub_standin\nsys.exit(qsub_standin.main({program!r}, sys.argv[1:]))\n"
            )
            shim.chmod(0o755)
        submit(script, folder)
        for number in range(1, JOBS_AT_MOST):
            if not (folder / f"{number}.server.SC").exists():
                break
            code = run(f"{number}.server", folder)
        for log in folder.glob("*.o*"):
            shutil.copy(log, logs)
    return code


if __name__ == "__main__":
    sys.exit(main("qsub", sys.argv[1:]))
