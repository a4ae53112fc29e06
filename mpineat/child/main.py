"""The child process, in which alone evaluations run."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace

from mpineat import files, registry
from mpineat.child.agreement import check_metric, check_networks, read_outcome, read_task
from mpineat.child.failures import OF_THE_HOST, RefusedStart, failed, one_line
from mpineat.child.keras_settings import onednn
from mpineat.child.messages import READY, Frames, Kind, Ready, Setup, frame, refused
from mpineat.cluster import awake
from mpineat.errors import FAILED, Failure, InputError
from mpineat.tasks import Outcome, Task, outcome_to_bytes
from mpineat.wire import WireError

# The batch system may signal every process of a job, and a terminal its whole group; the rank alone
# decides when its child ends. (NCCL and some batch scripts use USR1 and USR2.)
DEAF_TO = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
# Called once in the child after its environment is set; may import TensorFlow. Returns the device's
# name and the evaluation. RefusedStart and InputError make the worker retire; any other exception
# is a crash, after which the start is tried once more.
Start = Callable[[Setup], tuple[str, Callable[[Task], Outcome]]]


def main(argv: list[str]) -> int:
    """Serve the rank that started this process until its pipe closes."""
    receive, send = (int(item) for item in argv)
    _volunteer_for_the_out_of_memory_killer()
    try:
        serve(receive, send, prepare, start)
    except WireError as error:  # the rank notes that this process ends, and this line with it
        print(f"mpineat: the child was not understood: {error}", file=sys.stderr)
        return FAILED
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
        **onednn(setup.config.training, os.environ),
    )


def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
    """Load the evaluator that `farm.evaluator` names; return its device and its evaluation."""
    begin: Start = registry.load("evaluator", setup.config.farm.evaluator)
    return begin(setup)


def serve(receive: int, send: int, prepare: Callable[[Setup], None], start: Start) -> None:
    """Be a child: await the setup, start, then turn Tasks into Outcomes until the pipe closes.

    Args:
        receive: File descriptor that frames come from.
        send: File descriptor that frames go to.
        prepare: Sets the process up (environment, cores, log) before anything is imported.
        start: Loads what evaluates and returns it.

    Raises:
        WireError: What comes are no frames, or no tasks.
    """
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    frames, setup, device = Frames(), None, ""
    evaluate: Callable[[Task], Outcome] | None = None
    while data := os.read(receive, 1 << 16):
        for kind, payload in frames.feed(data):
            if kind == Kind.SETUP:
                try:
                    setup = Setup.from_bytes(payload)
                    prepare(setup)
                    device, evaluate = start(setup)
                except (RefusedStart, InputError, WireError) as error:
                    message = refused(str(error), of_input=isinstance(error, InputError))
                    _write(send, frame(message.kind, message.payload))
                    return
                # What is loaded now stays: TensorFlow's 365,000 objects would cost 0.27 s at every
                # collection, and two follow each evaluation.
                gc.collect()
                gc.freeze()
                _write(send, frame(Kind.READY, READY.pack(Ready(device=one_line(device)))))
            elif kind == Kind.TASK and setup is not None and evaluate is not None:
                task = read_task(payload)
                outcome = _evaluate(task, evaluate, setup, device)
                metric = setup.config.training.metric
                _write(send, frame(Kind.OUTCOME, _packed(outcome, task, metric)))


def _evaluate(
    task: Task, evaluate: Callable[[Task], Outcome], setup: Setup, device: str
) -> Outcome:
    began, clock = time.time(), awake.seconds()
    try:
        outcome = evaluate(task)
    except OF_THE_HOST:
        raise
    except Failure as error:
        outcome = failed(task, error.reason, error.fault, str(error))
    except Exception as error:  # a candidate's failure is data
        traceback.print_exc()
        outcome = failed(task, "error", "candidate", error)
    seconds = outcome.seconds
    if not seconds.total:
        seconds = replace(seconds, total=awake.seconds() - clock)
    return replace(
        outcome,
        seconds=seconds,
        started=outcome.started or began,
        rank=setup.rank,
        host=setup.host,
        device=device,
        attempts=task.attempt,
    )


def _packed(outcome: Outcome, task: Task, metric: str) -> bytes:
    """Return the outcome as bytes; one that nobody would accept is a failure of its candidate.

    Refused by the worker only, it would cost this process and be tried again in vain.
    """
    try:
        data = outcome_to_bytes(outcome)
        read = read_outcome(data)
        check_networks(read)
        check_metric(read, metric)
    except WireError as error:
        print(f"mpineat: candidate {task.candidate.id}: {error}", file=sys.stderr)
        where = {"rank": outcome.rank, "host": outcome.host, "device": outcome.device}
        data = outcome_to_bytes(failed(task, "error", "candidate", str(error), **where))
    return data


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _volunteer_for_the_out_of_memory_killer() -> None:
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def _redirect_output(path: str) -> None:
    try:
        log = files.unlinked(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError:  # a full or vanished disk must not cost the evaluations
        log = os.open(os.devnull, os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
