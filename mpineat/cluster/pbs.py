"""PBS: PBS Professional, OpenPBS and Torque, after their manual pages and OpenPBS's source."""

from __future__ import annotations

import re
import time

from mpineat.cluster.batch import BatchSystem, Environment, Job, answer, seconds_in, seconds_of

NAME_LENGTH = 15  # POSIX's limit, and that of older versions


def _header(job: Job) -> str:
    gpus = f":ngpus={job.gpus_per_node}" if job.gpus_per_node else ""
    node = f"ncpus={job.cores_per_node}{gpus}:mpiprocs="
    select = (
        f"1:{node}{job.workers_per_node + job.beside}"  # rank 0 beside the first node's workers
    )
    if job.nodes > 1:
        select += f"+{job.nodes - 1}:{node}{job.workers_per_node}"
    lines = [
        f"-N {job.name[:NAME_LENGTH]}",
        "-j oe",
        *([f"-q {job.queue}"] if job.queue else []),
        f"-l select={select}",
        *(["-l place=scatter"] if job.nodes > 1 else []),
        f"-l walltime={job.hours_minutes}:00",
        "-r y",
        "-V",
    ]
    return "\n".join(
        [
            *(f"#PBS {line}" for line in lines),
            "",
            "# PBS starts a job in the home folder. It warns of no limit: the search asks qstat",
            "# what is left, and where a node may not ask takes these seconds.",
            'cd "$PBS_O_WORKDIR" || exit 2',
            f': "${{PBS_WALLTIME:={job.minutes * 60}}}"',
            "export PBS_WALLTIME",
        ]
    )


def _seconds_left(environment: Environment) -> float | None:
    job = environment.get("PBS_JOBID")
    left = left_by_qstat(answer("qstat", "-f", job), time.time()) if job else None
    # The whole job's; Torque sets it, and so do our job files.
    return seconds_in(environment, "PBS_WALLTIME") if left is None else left


def left_by_qstat(text: str, now: float) -> float | None:
    """Return the seconds that `qstat -f` leaves a job; None where it says nothing of a limit.

    The server's count of what was used is minutes old, and missing in the first ones. The time
    since the start is taken where it is longer, unless a suspension made it longer than the limit.
    """
    limit, used, start = (
        found[1] if (found := re.search(rf"^\s*{name} = (.+)$", text, re.MULTILINE)) else ""
        for name in (
            r"Resource_List\.walltime",
            r"resources_used\.walltime",
            "(?:stime|start_time)",
        )
    )
    seconds = seconds_of(limit)
    if seconds is None:
        return None
    try:
        since = now - time.mktime(time.strptime(start, "%a %b %d %H:%M:%S %Y"))
    except (ValueError, OverflowError):
        since = 0.0
    return max(0.0, seconds - max(seconds_of(used) or 0.0, since if since < seconds else 0.0))


PBS = BatchSystem(
    name="PBS",
    job="PBS_JOBID",
    submit="qsub",
    header=_header,
    # qrerun is for operators; of a job's owner PBS takes another submission. $0 is PBS's own copy.
    requeue='qsub "$0"',
    limit="PBS_WALLTIME",
    seconds_left=_seconds_left,
    recorded=(
        "NCPUS",
        "PBS_ARRAYID",
        "PBS_ARRAY_ID",
        "PBS_ARRAY_INDEX",
        "PBS_JOBID",
        "PBS_JOBNAME",
        "PBS_NODEFILE",
        "PBS_NP",
        "PBS_NUM_NODES",
        "PBS_NUM_PPN",
        "PBS_O_HOST",
        "PBS_O_QUEUE",
        "PBS_O_WORKDIR",
        "PBS_QUEUE",
        "PBS_SERVER",
        "PBS_WALLTIME",
    ),
)
