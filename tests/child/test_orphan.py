"""A child and its rank's death, at the worst moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RANK = """
import time
from mpineat.child import process
process.BOOT = process.BOOT.replace("mpineat.child.main", "stops_itself")
print(process.Child().pid, flush=True)
time.sleep(100)
"""
STOPS_ITSELF = """
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
"""
SECONDS = 30.0


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def becomes(pid: int, *states: str) -> bool:
    end = time.monotonic() + SECONDS
    while state(pid) not in states and time.monotonic() < end:
        time.sleep(0.02)
    return state(pid) in states


def test_a_child_stopped_amid_its_imports_dies_with_its_rank(tmp_path):
    (tmp_path / "stops_itself.py").write_text(STOPS_ITSELF)
    path = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    rank = subprocess.Popen(
        [sys.executable, "-c", RANK], env=os.environ | path, stdout=subprocess.PIPE, text=True
    )
    assert rank.stdout is not None
    child = int(rank.stdout.readline())
    try:
        assert becomes(child, "T")
        rank.kill()
        rank.wait()
        assert becomes(child, "gone", "Z")
    finally:
        rank.kill()
        rank.stdout.close()
        if state(child) != "gone":
            os.kill(child, signal.SIGKILL)
