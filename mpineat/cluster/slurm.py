"""Slurm, after its manual pages of sbatch, squeue and scontrol."""

from __future__ import annotations

from mpineat.cluster.batch import BatchSystem, Environment, Job, answer, seconds_in, seconds_of


def _header(job: Job) -> str:
    lines = [
        f"--job-name={job.name}",
        f"--output={job.name}.%j.log",
        "--open-mode=append",
        *([f"--partition={job.queue}"] if job.queue else []),
        f"--nodes={job.nodes}",
        f"--ntasks={job.ranks}",
        f"--cpus-per-task={job.cores_per_rank}",
        *([f"--gres=gpu:{job.gpus_per_node}"] if job.gpus_per_node else []),
        f"--time={job.hours_minutes}:00",
        "--signal=B:USR2@300",
        "--requeue",
    ]
    return "\n".join(f"#SBATCH {line}" for line in lines)


def _seconds_left(environment: Environment) -> float | None:
    left = seconds_in(environment, "SLURM_JOB_END_TIME", ends=True)
    job = environment.get("SLURM_JOB_ID")
    if left is not None or not job:
        return left
    if array := environment.get("SLURM_ARRAY_JOB_ID"):
        # The last task's own number is the array's, and would ask after all tasks.
        job = f"{array}_{environment.get('SLURM_ARRAY_TASK_ID')}"
    return seconds_of(answer("squeue", "-h", "-j", job, "-o", "%L"))


SLURM = BatchSystem(
    name="Slurm",
    job="SLURM_JOB_ID",
    submit="sbatch",
    header=_header,
    # Not SLURM_JOB_ID in an array: of its last task that is the number of the whole array.
    requeue='scontrol requeue "${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}'
    '${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"',
    limit="SLURM_JOB_END_TIME",
    seconds_left=_seconds_left,
    hidden=("SLURM_",),
    recorded=(
        "SLURM_ARRAY_JOB_ID",
        "SLURM_ARRAY_TASK_ID",
        "SLURM_CLUSTER_NAME",
        "SLURM_CPUS_PER_TASK",
        "SLURM_GPUS_ON_NODE",
        "SLURM_JOB_CPUS_PER_NODE",
        "SLURM_JOB_END_TIME",
        "SLURM_JOB_GPUS",
        "SLURM_JOB_ID",
        "SLURM_JOB_NAME",
        "SLURM_JOB_NODELIST",
        "SLURM_JOB_NUM_NODES",
        "SLURM_JOB_PARTITION",
        "SLURM_JOB_QOS",
        "SLURM_JOB_START_TIME",
        "SLURM_MEM_PER_NODE",
        "SLURM_NTASKS",
        "SLURM_RESTART_COUNT",
        "SLURM_SUBMIT_DIR",
        "SLURM_SUBMIT_HOST",
        "SLURM_TASKS_PER_NODE",
    ),
)
