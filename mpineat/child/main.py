"""The child process, in which alone evaluations run."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Callable

from mpineat import registry
from mpineat.child.messages import Setup, Start, serve
from mpineat.tasks import Outcome, Task


def main(argv: list[str]) -> int:
    """Serve the rank that started this process until its pipe closes."""
    receive, send = (int(item) for item in argv)
    _volunteer_for_the_out_of_memory_killer()
    serve(receive, send, prepare, start)
    return 0


def prepare(setup: Setup) -> None:
    """Set environment, cores and log as `setup` says; nothing that reads them is imported yet."""
    if setup.log_path:
        _redirect_output(setup.log_path)
    faulthandler.enable()  # a segmentation fault leaves its Python lines in the log
    if setup.cores:
        os.sched_setaffinity(0, setup.cores)
    os.environ.update(
        CUDA_VISIBLE_DEVICES=setup.gpu if setup.gpu is not None else "-1",
        CUDA_DEVICE_ORDER=os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
        TF_FORCE_GPU_ALLOW_GROWTH="true",
        TF_CPP_MIN_LOG_LEVEL=os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        OMP_NUM_THREADS=str(setup.threads),
    )


def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
    """Load the evaluator that `farm.evaluator` names; return its device and its evaluation."""
    begin: Start = registry.load("evaluator", setup.config.farm.evaluator)
    return begin(setup)


def _volunteer_for_the_out_of_memory_killer() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def _redirect_output(path: str) -> None:
    try:
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:  # a full or vanished disk must not cost the evaluations
        log = os.open(os.devnull, os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
