"""IBM Spectrum LSF, after its manuals of version 10.1."""

from __future__ import annotations

from mpineat.cluster.batch import BatchSystem, Environment, Job, answer, seconds_of


def _header(job: Job) -> str:
    spread = "hosts=1" if job.nodes == 1 else f"ptile={job.cores_per_node}"
    gpus = f'-gpu "num={job.gpus_per_node}:mode=shared:j_exclusive=yes"'
    lines = [
        f"-J {job.name}",
        f"-o {job.name}.%J.log",
        *([f"-q {job.queue}"] if job.queue else []),
        f"-n {job.nodes * job.cores_per_node}",
        f'-R "span[{spread}]"',
        *([gpus] if job.gpus_per_node else []),
        f"-W {job.hours_minutes}",
        "-wa USR2",
        "-wt 5",
        "-Q 75",
        "-r",
    ]
    return "\n".join(f"#BSUB {line}" for line in lines)


def _seconds_left(environment: Environment) -> float | None:
    job, index = environment["LSB_JOBID"], environment.get("LSB_JOBINDEX", "0")
    name = job if index == "0" else f"{job}[{index}]"
    return seconds_of(answer("bjobs", "-noheader", "-o", "time_left", name), minutes=True)


LSF = BatchSystem(
    name="LSF",
    job="LSB_JOBID",
    submit="bsub <",  # it reads directives from standard input alone
    header=_header,
    seconds_left=_seconds_left,
    recorded=(
        "LSB_BATCH_JID",
        "LSB_DJOB_NUMPROC",
        "LSB_JOBID",
        "LSB_JOBINDEX",
        "LSB_JOBNAME",
        "LSB_MCPU_HOSTS",
        "LSB_PROJECT_NAME",
        "LSB_QUEUE",
        "LSB_RESTART",
        "LSB_SUB_HOST",
        "LS_SUBCWD",
    ),
)
