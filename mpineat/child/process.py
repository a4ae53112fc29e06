"""Child: a process started by exec, in its own session, reached over pipes, killed as a group."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping

import mpineat
from mpineat.child import keras_settings
from mpineat.child.messages import Frames, Kind, frame
from mpineat.cluster import batch, launcher

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
KILL_SECONDS = 30.0  # a killed process that is still there then never goes
# Loads this very copy of mpineat and no other package from beside it, so that farm.python may name
# an interpreter whose own numpy and TensorFlow must not be shadowed by the rank's. The bond to its
# rank comes before the imports: a child that was stopped amid them outlived the job.
BOOT = """
import sys
from importlib import util
folder, parent, *pipes = sys.argv[1:]
spec = util.spec_from_file_location(
    "mpineat", folder + "/__init__.py", submodule_search_locations=[folder]
)
sys.modules["mpineat"] = package = util.module_from_spec(spec)
spec.loader.exec_module(package)
from mpineat.child.orphan import die_with
die_with(int(parent))
from mpineat.child.main import main
sys.exit(main(pipes))
"""


class Child:
    """A running child process.

    Nothing here blocks: what the child does not take yet waits here, and `receive` has a time
    limit.
    """

    def __init__(self, python: str | None = None) -> None:
        """Start `mpineat.child.main` under the interpreter `python` (None: this one).

        Raises:
            OSError: The interpreter cannot be started.
        """
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        package = os.path.dirname(os.path.abspath(mpineat.__file__))
        command = [python or sys.executable, "-c", BOOT, package, str(os.getpid())]
        try:
            # No preexec_fn: Popen then uses vfork and exec, which is safe beside a running MPI.
            self._process = subprocess.Popen(
                [*command, str(theirs_in), str(theirs_out)],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs_in, theirs_out),
                start_new_session=True,
                env=environment(os.environ),
            )
        except OSError:
            os.close(ours_in)
            os.close(ours_out)
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        os.set_blocking(ours_in, False)
        os.set_blocking(ours_out, False)
        self._in, self._out = ours_in, ours_out
        self._frames = Frames()
        self._arrived: deque[tuple[Kind, bytes]] = deque()
        self._unsent = bytearray()
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)
        self._ended = False

    @property
    def pid(self) -> int:
        """Process id, which is the group's and session's id too."""
        return self._process.pid

    def send(self, kind: Kind, payload: bytes) -> None:
        """Send a frame, now or while `receive` waits."""
        self._unsent += frame(kind, payload)
        self._flush()

    def receive(self, seconds: float) -> tuple[Kind, bytes] | None:
        """Return the next frame, waiting at most `seconds` for it.

        Raises:
            WireError: Something else than the child's frames came.
        """
        if self._arrived:
            return self._arrived.popleft()
        if self._unsent:
            self._flush()
            seconds = min(seconds, 0.01)
        if self._readable(seconds):
            try:
                data = os.read(self._in, 1 << 16)
            except BlockingIOError:
                return None
            if not data:
                self._ended = True  # every writer is gone: dead, or about to be
            self._arrived.extend(self._frames.feed(data))
        return self._arrived.popleft() if self._arrived else None

    def _readable(self, seconds: float) -> bool:
        # poll() counts in whole milliseconds; a rank that has just finished a task waits for less.
        if 0 < seconds < 1e-3:
            time.sleep(seconds)
            seconds = 0.0
        return bool(self._poll.poll(seconds * 1e3))

    @property
    def halfway(self) -> bool:
        """Whether the rest of a frame is still to come."""
        return self._frames.begun

    @property
    def ended(self) -> bool:
        """Whether the pipe's end was seen: every process that could write to it is gone."""
        return self._ended

    def exit_status(self) -> str | None:
        """Return how the child ended, in words; None while it lives."""
        # After the pipe's end TensorFlow's memory takes a moment to tear down.
        found = self._peek(2.0 if self._ended else 0.0)
        if found is None:
            return "closed its pipe" if self._ended else None
        if found.si_code == os.CLD_EXITED:
            return f"exited with code {found.si_status}"
        return f"was killed by {_signal_name(found.si_status)}"

    def rss_mb(self) -> float:
        """Return resident memory in MiB; 0 where the system does not say."""
        try:
            statm = os.open(f"/proc/{self.pid}/statm", os.O_RDONLY)
            try:
                return int(os.read(statm, 256).split()[1]) * PAGE_MB
            finally:
                os.close(statm)
        except (OSError, IndexError, ValueError):
            return 0.0

    def is_stopped(self) -> bool:
        """Tell whether a signal stopped the process (state T)."""
        try:
            with open(f"/proc/{self.pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] == "T"
        except (OSError, IndexError):
            return False

    def wake(self) -> None:
        """Continue a stopped process."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGCONT)

    def kill(self, seconds: float = KILL_SECONDS) -> bool:
        """Kill the process group and reap the child; False if it is there still after `seconds`.

        Idempotent.
        """
        if self._in >= 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            os.close(self._in)
            os.close(self._out)
            self._in = self._out = -1
        try:
            self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:  # uninterruptible, in a driver or a file system
            return False
        return True

    def _peek(self, seconds: float) -> os.waitid_result | None:
        # WNOWAIT leaves the process unreaped, so that kill() still means this group and no
        # newcomer's.
        end = time.monotonic() + seconds
        while True:
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if found is not None or time.monotonic() >= end:
                return found
            time.sleep(0.002)

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            while self._unsent:
                del self._unsent[: os.write(self._out, self._unsent)]


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: no rank of the job, and Keras as we need it."""
    hidden = (*launcher.VARIABLES, *batch.hidden(given))
    kept = {key: item for key, item in given.items() if not key.startswith(hidden)}
    return kept | keras_settings.SETTINGS


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
