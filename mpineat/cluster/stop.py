"""When the run must stop in time: a signal has come, or the time limit has passed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType

# LSF warns with USR2 (or what -wa names) and ends with INT, TERM, KILL; Slurm with TERM or
# --signal; a CPU limit starts with XCPU; a closed terminal sends HUP.
SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
    signal.SIGHUP,
)
# One kill of a job reaches a rank twice: from the launcher and from the batch system or the
# terminal.
ECHO_SECONDS = 1.0


class Stop:
    """Whether, and why, the run must stop; install() makes signals set it."""

    def __init__(
        self,
        seconds: float | None = None,
        limit: str = "",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Stop after `seconds` (None: no limit); `limit` names the limit in the log."""
        self._clock = clock
        self._deadline = None if seconds is None else clock() + seconds
        self._limit = limit
        self._reason: str | None = None
        self._first = 0.0
        self._at_once = False
        self.on_second: Callable[[], None] = lambda: None
        """Called from the handler of a second signal: ends the process at once."""

    def install(self) -> None:
        """Catch the signals that ask a job to end."""
        for number in SIGNALS:
            # nohup and `trap '' HUP` mean what they say.
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            signal.signal(number, self._caught)

    def over(self) -> None:
        """Ignore the signals from here on: all is done, and the exit code is the truth.

        Python puts its handlers away before it ends, and a signal would kill it then.
        """
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def limit(self, seconds: float | None, name: str) -> None:
        """Set the time limit, once the configuration that holds it is read."""
        self._deadline = None if seconds is None else self._clock() + seconds
        self._limit = name

    def reason(self) -> str | None:
        """Return why to stop, as a phrase for the log; None: go on."""
        left = self.seconds_left()
        if self._reason is None and left is not None and left <= 0:
            self._reason, self._first = self._limit, self._clock() + left
        return self._reason

    def seconds_since(self) -> float:
        """Return the seconds since the run was asked to stop; 0 before."""
        return 0.0 if self._reason is None else self._clock() - self._first

    def at_once(self) -> bool:
        """Tell whether a second signal asked to end at once."""
        return self._at_once

    def seconds_left(self) -> float | None:
        """Return the seconds until the time limit; None: no limit."""
        return None if self._deadline is None else self._deadline - self._clock()

    def request(self, reason: str, again: bool = False) -> None:
        """Ask to stop, for a signal that another rank caught; `again`: its second."""
        if self._reason is None:
            self._reason, self._first = reason, self._clock()
        elif again:
            self._end()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._reason is None:
            self._reason, self._first = name, self._clock()
        # XCPU comes every second once the soft limit is passed.
        elif number != signal.SIGXCPU and self._clock() - self._first > ECHO_SECONDS:
            self._end()

    def _end(self) -> None:
        self._at_once = True
        self.on_second()
