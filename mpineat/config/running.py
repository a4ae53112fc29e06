"""The run as a whole, its ranks and its child processes."""

from __future__ import annotations

from typing import Annotated

from mpineat.config.section import Count, Named, Positive, Section, option


class Run(Section):
    """The run as a whole."""

    seed: int = option(0, "root of every random draw; one seed gives one history", ge=0, lt=2**63)
    wall_minutes: Positive | None = option(
        None, "stop in time, with exit code 75, this many minutes after the launch; none: ask the batch system"
    )
    grace_seconds: float = option(
        30.0, "how long a stop may take, in seconds; evaluations that are about to end are waited for", ge=0
    )


class Farm(Section):
    """The worker ranks and the child processes in which they train."""

    evaluator: Annotated[str, Named("evaluator")] = option(
        "training", "'dry_run' replaces the training by a formula: tries a cluster, a batch script, a budget in seconds"
    )
    dry_run_seconds: float = option(0.0, "dry_run: mean seconds an evaluation sleeps, log-normal", ge=0)
    task_minutes: Positive = option(120.0, "an evaluation that takes longer is killed and tried elsewhere, in minutes")
    tasks_per_child: Count = option(100, "evaluations after which a child process is replaced (TensorFlow's memory grows)")
    attempts: Count = option(2, "how often a candidate is tried when the machine fails it")
    python: str | None = option(None, "interpreter of the child processes; none: the rank's own")
    start_seconds: Positive = option(300.0, "longest start of a child (importing TensorFlow from a cold file system)")
    beat_seconds: Positive = option(5.0, "a worker rank reports its state this often, in seconds")
    lost_seconds: Positive = option(120.0, "a worker rank silent for so long counts as lost")
    growth_mb: Positive = option(4000.0, "a child whose resident memory grew by more is replaced, in MiB")
    memory_mb: Positive | None = option(None, "a child whose resident memory exceeds it is killed, in MiB; none: no limit")
    share_gpu: bool = option(True, "more workers than GPUs on a node share them, with a warning; false: the rest idle")
