"""The clock of a process that may be suspended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from mpineat.cluster.awake import Awake

PROGRAM = """
import time
from mpineat.cluster import awake
awake._of_this_process._longest = 1.0  # a suspension need not last longer than a few of these
awake.LOOK_SECONDS = 0.1
awake.seconds()
time.sleep(0.3)
began = awake.seconds(), time.monotonic()
print(flush=True)
input()
print(awake.seconds() - began[0], time.monotonic() - began[1])
"""


def test_of_a_long_gap_between_two_looks_little_counts():
    moments = iter([100.0, 101.0, 103.0, 3603.0, 3604.0])
    clock = Awake(longest=5.0, clock=lambda: next(moments))
    assert [clock() for _ in range(4)] == [1.0, 3.0, 8.0, 9.0]


def test_a_stopped_process_counts_the_time_before_and_after():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(3.0)
        os.kill(process.pid, signal.SIGCONT)
        awake, passed = map(float, process.communicate("\n")[0].split())
    assert passed >= 3.0
    assert awake <= passed - 1.5
