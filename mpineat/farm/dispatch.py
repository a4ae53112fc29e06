"""Farm: the queue on rank 0, who works on what, and the outcomes that come back."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from mpineat.child.agreement import as_far, check_answer, read_outcome
from mpineat.child.failures import failed
from mpineat.child.messages import BEAT, NOTICE, READY, REFUSAL, Kind, Message
from mpineat.config import Config
from mpineat.farm.link import Link
from mpineat.farm.retries import Retries, no_outcome
from mpineat.farm.roll_call import Silence
from mpineat.farm.waiting import Waiting
from mpineat.farm.workers import Worker, nobody_left
from mpineat.store import now
from mpineat.tasks import Outcome, Task, task_to_bytes
from mpineat.wire import WireError

log = logging.getLogger(__name__)


class Farm:
    """Hands tasks to workers, in the order of Waiting, and collects their outcomes.

    One thread, no collective: `poll` does all the work and must be called often.
    """

    def __init__(
        self,
        config: Config,
        link: Link,
        workers: Sequence[now.Worker],
        *,
        on_signal: Callable[[str, bool], None] = lambda reason, again: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with `workers`, whose children are starting.

        Args:
            on_signal: Called with the reason when a worker rank caught a signal, and whether it was
                its second.
            clock: Seconds on any scale that never goes back.
        """
        self._link = link
        self._on_signal = on_signal
        self._clock = clock
        self._workers = {info.rank: Worker(info.rank, info.host, info.device) for info in workers}
        self._free: list[int] = []  # ranks that can take a task, as they became free
        self._waiting = Waiting(config)
        self._submitted: dict[int, float] = {}  # candidate -> clock; until its outcome is returned
        self._retries = Retries(config)
        self._done: deque[Outcome] = deque()
        self._holding = False
        self._silence = Silence(config.farm, self._workers.values(), clock)

    def submit(self, task: Task) -> None:
        """Queue `task`; its Outcome comes from `poll`, once."""
        self._submitted[task.candidate.id] = self._clock()
        self._waiting.push(task)

    def poll(self, seconds: float) -> Outcome | None:
        """Hand out what can be, and return the next outcome, waiting at most `seconds` for it.

        Raises:
            FarmError: No worker is left.
            InputError: None is left because every child found the user's input wrong.
        """
        end = self._clock() + seconds
        while True:
            self._notice_silence()
            self._hand_out()
            if self._done:
                return self._done.popleft()
            if not self._holding and all(worker.gone for worker in self._workers.values()):
                raise nobody_left(self._workers.values())
            left = end - self._clock()
            received = self._link.receive(max(0.0, min(left, 0.5)))
            self._silence.listened()
            if received is not None:
                self._hear(*received)
            elif left <= 0:
                return None

    def running(self) -> tuple[now.Running, ...]:
        """Return what is being evaluated now, by rank."""
        return tuple(
            now.Running(
                rank=worker.rank,
                candidate=worker.task.candidate.id,
                since=worker.since,
                host=worker.host,
                device=worker.device,
            )
            for worker in self._workers.values()
            if worker.task is not None
        )

    def queued(self) -> int:
        """Return how many tasks wait for a worker."""
        return len(self._waiting)

    def workers(self) -> tuple[now.Worker, ...]:
        """Return every worker that the run began with, by rank."""
        return tuple(
            now.Worker(rank=w.rank, host=w.host, device=w.device, state=w.state)
            for w in self._workers.values()
        )

    def lost(self) -> tuple[int, ...]:
        """Return the ranks that fell silent or died."""
        return tuple(w.rank for w in self._workers.values() if w.state == "lost")

    def ahead(self) -> now.Ahead | None:
        """Return what is expected of the tasks at hand; None where none like them is measured."""
        workers = self._workers.values()
        return self._waiting.ahead((w.task, time.time() - w.since) for w in workers if w.task)

    def wind_down(self, seconds: float) -> tuple[int, int]:
        """Hand out nothing more; return how many evaluations go on, and how many were ended.

        Those were ended that cannot be done within `seconds`.
        """
        self._holding = True
        given = ended = 0
        for worker in [worker for worker in self._workers.values() if not worker.gone]:
            task, spent = worker.task, time.time() - worker.since
            if task is not None and self._waiting.may_end(task, spent, seconds):
                given += 1
                continue
            ended += task is not None
            self._link.send(worker.rank, Message(Kind.CLOSE))  # a child that loads costs, too
            self._leave(worker, "retired")
        return given, ended

    def retire(self, rank: int, why: str) -> None:
        """Do without the worker `rank`."""
        worker = self._workers[rank]
        log.warning("rank %d on %s retires: %s", rank, worker.host, why)
        self._leave(worker, "retired")

    def close(self) -> None:
        """End every child, finished or not; the workers then wait for the exit code."""
        for worker in self._workers.values():
            if worker.state != "lost":
                self._link.send(worker.rank, Message(Kind.CLOSE))
        self._waiting.clear()
        self._free.clear()

    def _hand_out(self) -> None:
        held_back = []
        while self._waiting and self._free and not self._holding:
            task = self._waiting.pop(sum(not worker.gone for worker in self._workers.values()))
            rank = self._choose(task)
            if rank is None:
                held_back.append(task)
                continue
            try:
                data = task_to_bytes(task)
            except WireError as error:
                self._done.append(failed(task, "error", "candidate", str(error)))
                continue
            worker = self._workers[rank]
            self._free.remove(rank)
            worker.task, worker.state, worker.since = task, "busy", time.time()
            self._link.send(rank, Message(Kind.TASK, data))
        for task in held_back:
            self._waiting.push(task)

    def _choose(self, task: Task) -> int | None:
        """Return a free worker where `task` has not failed yet; any where no such one exists."""
        failed_on = self._retries.failed_on(task.candidate.id)
        if not failed_on:
            return self._free[-1]
        for rank in reversed(self._free):
            if rank not in failed_on:
                return rank
        others = (w for w in self._workers.values() if w.rank not in failed_on)
        return None if any(not w.gone for w in others) else self._free[-1]

    def _hear(self, rank: int, message: Message) -> None:
        worker = self._workers.get(rank)
        if worker is None:
            log.warning("rank %d came too late: the run goes on without it", rank)
            return
        self._silence.heard(worker)
        try:
            self._obey(worker, message)
        except WireError as error:
            self.retire(rank, f"it sent {error}")

    def _obey(self, worker: Worker, message: Message) -> None:
        if worker.state == "retired" and message.kind != Kind.SIGNAL:
            return
        if worker.state == "lost" and message.kind != Kind.SIGNAL:
            log.warning("rank %d on %s is back", worker.rank, worker.host)
            worker.state = "starting"
            if message.kind == Kind.BEAT and BEAT.unpack(message.payload).state == "idle":
                self._make_free(worker)
        if message.kind == Kind.READY:
            worker.device = READY.unpack(message.payload).device
            self._make_free(worker)
        elif message.kind in (Kind.OUTCOME, Kind.FAULT):
            self._settle(worker, message)
            if message.kind == Kind.OUTCOME:
                self._make_free(worker)
        elif message.kind == Kind.REFUSED:
            worker.refusal = REFUSAL.unpack(message.payload)
            self.retire(worker.rank, worker.refusal.why)
        elif message.kind == Kind.SIGNAL:
            notice = NOTICE.unpack(message.payload)
            self._on_signal(f"{notice.reason} on rank {worker.rank}", notice.again)

    def _make_free(self, worker: Worker) -> None:
        if worker.task is None and worker.rank not in self._free:
            worker.state = "idle"
            self._free.append(worker.rank)

    def _settle(self, worker: Worker, message: Message) -> None:
        """Take what a worker sent as the outcome of its task."""
        given, worker.task, worker.state = worker.task, None, "starting"
        try:
            outcome = read_outcome(message.payload)
            if given is None:
                self._settle_late(outcome, worker)
                return
            check_answer(outcome, given)
        except WireError as error:
            log.error("rank %d sent no outcome of its task: %s", worker.rank, error)
            if given is None:
                return
            outcome = no_outcome(given, worker, "error", str(error))
        if given.candidate.id in self._submitted:  # else one that was given up came in first
            self._judge(given, outcome, worker)

    def _settle_late(self, outcome: Outcome, worker: Worker) -> None:
        """Take the outcome of the task that a worker had when it was given up.

        Raises:
            WireError: It is another one's.
        """
        if outcome.candidate not in self._submitted or outcome.fault == "machine":
            return  # settled since; or queued, or under way elsewhere
        at_work = (other.task for other in self._workers.values() if other.task is not None)
        tasks = (*self._waiting, *at_work)
        task = next(task for task in tasks if task.candidate.id == outcome.candidate)
        if not as_far(outcome, task):
            return  # of the screen, which the candidate has passed since
        # An earlier attempt is as good. One that is at work will find its candidate settled.
        check_answer(replace(outcome, attempts=task.attempt), task)
        self._waiting.take(outcome.candidate)
        self._judge(task, outcome, worker)

    def _judge(self, task: Task, outcome: Outcome, worker: Worker) -> None:
        """Queue the task once more, or let its outcome stand."""
        if (again := self._retries.again(task, outcome, worker)) is not None:
            self._waiting.push(again)
            return
        self._waiting.learn(task, outcome)
        self._finish(task, outcome, worker)

    def _finish(self, task: Task, outcome: Outcome, worker: Worker) -> None:
        self._retries.forget(task.candidate.id)
        waited = self._clock() - self._submitted.pop(task.candidate.id)
        self._done.append(
            replace(
                outcome,
                attempts=task.attempt,
                device=outcome.device or worker.device,
                seconds=replace(outcome.seconds, queue=max(0.0, waited - outcome.seconds.total)),
            )
        )

    def _notice_silence(self) -> None:
        for rank in self._link.lost():
            if rank in self._workers:
                self._leave(self._workers[rank], "lost")
        silent, present = self._silence.roll_call()
        for worker in silent:
            self._leave(worker, "lost")
        for worker in present:
            self._link.send(worker.rank, Message(Kind.BEAT))

    def _leave(self, worker: Worker, state: str) -> None:
        if worker.state == state:
            return
        task, worker.task, worker.state = worker.task, None, state
        if worker.rank in self._free:
            self._free.remove(worker.rank)
        if task is None or task.candidate.id not in self._submitted:
            return
        if state == "retired":  # its child was never ready for it: not an attempt
            self._waiting.push(task)
        else:
            lost = no_outcome(task, worker, "lost", "the worker rank is gone")
            self._judge(task, lost, worker)
