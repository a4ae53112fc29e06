"""What a worker does: keep one child alive, hand it tasks, turn its deaths into outcomes."""

from __future__ import annotations

import logging
import os
import time
from collections import deque

from mpineat.child.agreement import check_answer, check_networks, read_outcome
from mpineat.child.failures import failed
from mpineat.child.messages import BEAT, READY, REFUSAL, Beat, Kind, Message, Setup, refused
from mpineat.child.process import Child
from mpineat.cluster.awake import Awake
from mpineat.tasks import Seconds, Task, outcome_to_bytes, task_from_bytes
from mpineat.wire import WireError

log = logging.getLogger(__name__)

STARTS = 2  # a child that dies while it starts is started so often before the worker retires
LOOK_SECONDS = 1.0  # between two looks at the child's memory and state
CLOSE_SECONDS = 3.0  # how long the end of a run waits for a killed child
FRAME_LOOKS = 30  # after so many the rest of a frame does not come: it was none


class Supervisor:
    """One child process and its task; the same on every worker rank and on rank 0 alone."""

    def __init__(self, child: Child | None = None) -> None:
        """Take over `child`, started before the setup was known, or start one in `setup`."""
        self._child = child
        self._setup: Setup | None = None
        self._task: Task | None = None
        self._payload = b""  # the task as it came
        self._state = "starting"
        self._clock = Awake()  # the child is suspended with this process, so its deadlines move
        self._since = self._clock()  # of the task, or of the child's start while there is none
        self._began = 0.0  # Unix time of the task
        self._starts = 0  # in a row that did not become ready
        self._evaluated = 0  # by this child
        self._first_rss = 0.0
        self._weighed = 0.0  # when its memory was compared with that
        self._stepped = self._looked = self._since
        self._stopped_looks = self._halfway_looks = 0
        self._log_offset = 0
        self._news: deque[Message] = deque()

    @property
    def state(self) -> str:
        """What the child does: "starting", "idle", "busy"; "retired" when none can be had."""
        return self._state

    @property
    def owed(self) -> bool:
        """Whether the child will say something: that it is ready, or an outcome."""
        return self._setup is not None and self._state in ("starting", "busy")

    @property
    def rss_mb(self) -> float:
        """Resident memory of the child in MiB."""
        return self._child.rss_mb() if self._child is not None else 0.0

    def setup(self, setup: Setup) -> None:
        """Tell the child what it is; READY or REFUSED follows from `step`."""
        self._setup = setup
        early = self._child
        # Started before all was known, it runs the rank's own interpreter; and it may have died
        # since.
        if early and (setup.config.farm.python is not None or early.exit_status() is not None):
            early.kill()
            self._child = None
        self._start()

    def give(self, payload: bytes) -> None:
        """Evaluate the Task in `payload`, as soon as the child is ready; one at a time."""
        if self._task is not None:
            raise RuntimeError("a task is still being evaluated")
        try:
            # Whether a network can be made of it is for the child to say.
            self._task, self._payload = task_from_bytes(payload), payload
        except WireError as error:
            log.error("rank 0 sent no task: %s", error)
            self._news.append(Message(Kind.OUTCOME))  # none: rank 0 knows what it gave
            return
        if self._state == "idle":
            self._begin()

    def step(self, seconds: float) -> Message | None:
        """Wait at most `seconds` for the child; return what rank 0 should hear, if anything."""
        self._stepped = self._clock()
        if self._news:
            return self._news.popleft()
        if self._child is None or self._setup is None:
            time.sleep(seconds)
            return None
        try:
            received = self._child.receive(seconds)
            self._stepped = self._clock()
            if received is not None:
                return self._hear(*received)
        except WireError as error:
            self._died("killed", f"garbled its pipe: {error}")
            return None
        due = self._stepped - self._looked >= LOOK_SECONDS
        # Its death ends the pipe, but where a process that it started holds the pipe open.
        if (due or self._child.ended) and (how := self._child.exit_status()) is not None:
            self._died("killed", how)
        elif due:
            self._look()
        return None

    def close(self) -> None:
        """Kill the child with its whole process group."""
        if self._child is not None:
            self._child.kill(CLOSE_SECONDS)
            self._child = None
        self._state = "retired"

    def _running(self) -> tuple[Child, Setup]:
        if self._child is None or self._setup is None:
            raise RuntimeError("no child was set up")
        return self._child, self._setup

    def _start(self) -> None:
        assert self._setup is not None
        self._state, self._since, self._evaluated = "starting", self._clock(), 0
        try:
            if self._child is None:
                self._child = Child(self._setup.config.farm.python)
        except OSError as error:  # no such interpreter, no process left
            return self._retire(f"the child process cannot be started: {error}")
        self._child.send(Kind.SETUP, self._setup.to_bytes())

    def _begin(self) -> None:
        child, setup = self._running()
        self._state, self._since, self._began = "busy", self._clock(), time.time()
        self._log_offset = _size(setup.log_path)
        child.send(Kind.TASK, self._payload)

    def _hear(self, kind: Kind, payload: bytes) -> Message | None:
        """Take what the child may say now; a child that says anything else is garbled."""
        if kind == Kind.READY and self._state == "starting":
            READY.unpack(payload)
            self._starts, self._state = 0, "idle"
            self._first_rss = self._weighed = 0.0
            if self._task is not None:
                self._begin()
                return None
            return Message(kind, payload)
        if kind == Kind.REFUSED and self._state == "starting":
            refusal = REFUSAL.unpack(payload)
            self._retire(refusal.why, of_input=refusal.input)
            return None
        if kind == Kind.OUTCOME and self._state == "busy" and self._task is not None:
            outcome = read_outcome(payload)
            check_answer(outcome, self._task)
            check_networks(outcome)
            self._task, self._state = None, "idle"
            self._evaluated += 1
            if self._worn_out():
                # The outcome is whole; but nothing can be given before the next child is ready.
                self._news.append(Message(Kind.FAULT, payload))
                self._replace()
                return None
            return Message(kind, payload)
        raise WireError(f"{kind.name} while {self._state}")

    def _worn_out(self) -> bool:
        child, setup = self._running()
        farm = setup.config.farm
        if self._evaluated >= farm.tasks_per_child:
            return True
        if self._stepped - self._weighed < LOOK_SECONDS:
            return False
        self._weighed, rss = self._stepped, child.rss_mb()
        self._first_rss = self._first_rss or rss
        if rss - self._first_rss > farm.growth_mb:
            log.info(
                "child grew from %.0f to %.0f MiB in %d evaluations: replaced",
                self._first_rss,
                rss,
                self._evaluated,
            )
            return True
        return False

    def _look(self) -> None:
        """Look at what the pipe does not tell: deadlines, memory, a stopped process."""
        child, setup = self._running()
        farm, self._looked = setup.config.farm, self._stepped
        elapsed, rss = self._stepped - self._since, child.rss_mb()
        if self._state == "starting" and elapsed > farm.start_seconds:
            return self._died("killed", f"was not ready after {elapsed:.0f} s (farm.start_seconds)")
        if self._state == "busy" and elapsed > farm.task_minutes * 60 * self._epochs_share():
            return self._died("timeout", f"was not done after {elapsed:.0f} s (farm.task_minutes)")
        if farm.memory_mb is not None and rss > farm.memory_mb:
            return self._died("killed", f"used {rss:.0f} MiB (farm.memory_mb)")
        self._halfway_looks = self._halfway_looks + 1 if child.halfway else 0
        if self._halfway_looks >= FRAME_LOOKS:
            return self._died("killed", "garbled its pipe: the rest of a frame does not come")
        # A stopped child would sit there until its deadline; nobody but a stray signal stops it.
        self._stopped_looks = self._stopped_looks + 1 if child.is_stopped() else 0
        if self._stopped_looks >= 2:
            log.warning("child process was stopped by a signal: continued")
            child.wake()

    def _epochs_share(self) -> float:
        """Return the task's epochs in multiples of training.epochs, at least 1: the final's."""
        _, setup = self._running()
        usual = setup.config.training.epochs
        return max(1.0, self._task.epochs(usual) / usual) if self._task else 1.0

    def _died(self, reason: str, how: str) -> None:
        _, setup = self._running()
        task = self._task if self._state == "busy" else None
        tail = _tail(setup.log_path, self._log_offset)
        log.warning("child process %s%s", how, f"; its last words: {tail}" if tail else "")
        if task is not None:
            self._task = None
            outcome = failed(
                task,
                reason,
                "machine",
                f"{how}; {tail}" if tail else how,
                seconds=Seconds(total=self._clock() - self._since),
                started=self._began,
                rank=setup.rank,
                host=setup.host,
            )
            self._news.append(Message(Kind.FAULT, outcome_to_bytes(outcome)))
        if self._state == "starting":
            self._starts += 1
            if self._starts >= STARTS:
                return self._retire(f"the child process does not start: {how}; {tail}"[:500])
        self._replace()

    def _replace(self) -> None:
        # Reaped before the next one starts: an exclusive GPU is free again only then.
        if self._child is not None and not self._child.kill():
            return self._retire(f"process {self._child.pid} cannot be killed (hung in a driver?)")
        self._child = None
        self._stopped_looks = self._halfway_looks = 0
        self._start()

    def _retire(self, why: str, *, of_input: bool = False) -> None:
        self.close()
        self._task = None  # rank 0 knows what it gave, and gives it to another
        self._news.append(refused(why, of_input=of_input))


def beat(supervisor: Supervisor) -> Message:
    """Return a sign of life."""
    state = Beat(state=supervisor.state, rss_mb=round(supervisor.rss_mb, 1))
    return Message(Kind.BEAT, BEAT.pack(state))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _tail(path: str, offset: int, length: int = 300) -> str:
    """Return the end of what was appended to `path` after `offset`, on one line."""
    try:
        with open(path, "rb") as file:
            file.seek(max(offset, _size(path) - length))
            return " ".join(file.read().decode(errors="replace").split())
    except OSError:
        return ""
