"""Grid Engine as a batch system of mpineat, in a package of one's own.

    [options.entry_points]
    mpineat.batch_system =
        gridengine = my_package.batch_system:GRID_ENGINE

Then `mpineat job CONFIG --system gridengine` makes job files for it, and a job of it is known by
its variables. The signal before the limit and exit code 99 are Grid Engine's own.
"""

from mpineat.cluster.batch import BatchSystem, Job


def header(job: Job) -> str:
    """Return the directives of a job file."""
    warned = f"{(job.minutes - 5) // 60}:{(job.minutes - 5) % 60:02}"
    lines = [
        f"-N {job.name}",
        f"-o {job.name}.$JOB_ID.log",
        "-j y -cwd -V -r y",
        f"-pe mpi {job.ranks}",  # the parallel environment has another name on some sites
        f"-l s_rt={warned}:00,h_rt={job.hours_minutes}:00",  # at s_rt comes SIGUSR1
    ]
    return "\n".join(f"#$ {line}" for line in lines)


GRID_ENGINE = BatchSystem(
    name="Grid Engine",
    job="JOB_ID",
    submit="qsub",
    header=header,
    requeue="exit 99",
    recorded=("JOB_ID", "JOB_NAME", "NHOSTS", "NSLOTS", "PE", "QUEUE", "SGE_TASK_ID"),
)
