"""A batch system of your own: Grid Engine.

Beside it, in pyproject.toml:

    [project]
    name = "mpineat-grid-engine"
    version = "1.0"

    [project.entry-points."mpineat.batch_system"]
    gridengine = "batch_system:GRID_ENGINE"

After `pip install .` there, `mpineat job CONFIG --system gridengine` makes job files for it, and a
job of it is known by its variables.
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
    requeue="exit 99",  # Grid Engine's own code for it
    recorded=("JOB_ID", "JOB_NAME", "NHOSTS", "NSLOTS", "PE", "QUEUE", "SGE_TASK_ID"),
)
