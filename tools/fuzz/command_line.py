"""Run mutated command lines: no traceback, no hang, an exit code that means something.

    python tools/fuzz/command_line.py --number 1000 --seed 1

Each runs in a process forked from one that has everything loaded, in an empty folder, and is asked
to stop after STOP_SECONDS, as a search that got a valid command line has to be.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import mutate

import mpineat.cli.check
import mpineat.cli.run
import mpineat.experiments.runs
import mpineat.report.page
import mpineat.report.results_formats
import mpineat.report.status
from mpineat.cli.main import main as mpineat

CONFIG = str(Path(__file__).parents[2] / "configs" / "digits.yaml")
STOP_SECONDS = 2.0
LONGEST_SECONDS = 5.0  # after which a process that was asked to stop has hung
DRY = ("farm.evaluator=dry_run", "evolution.generations=1", "evolution.candidates=2")
GOOD = (
    ("run", CONFIG, "new", *DRY),
    ("run", CONFIG, "done", *DRY, "--resume", "-v"),
    ("run", *DRY, "run.seed=3"),
    ("check", CONFIG, "training.epochs=3", "search_space.kernel_sizes=[3, 5]"),
    ("check", "--options"),
    ("status", "done", "--json"),
    ("results", "done", "--format", "csv", "--sort", "accuracy", "--reverse"),
    ("report", "done", "-o", "page.html"),
    ("export", "done", "--format", "json", "--candidate", "1", "--epochs", "2", "-o", "a.json"),
    ("summarize", "done", "--format", "md", "--generations", "1"),
    ("data", "digits", "folder"),
    ("job", CONFIG, "--system", "slurm", "--nodes", "2", "--hours", "1.5", "-o", "job.sh"),
)
OTHERS = (
    *(
        "run",
        "check",
        "status",
        "--help",
        "--version",
        "--",
        "-",
        "",
        "=",
        "=1",
        "a=b",
        "a.b=",
        "..=1",
    ),
    *("run.seed=x", "run.seed=!!int x", "dataset.path=2001-13-45", "dataset.name=file", "é" * 300),
    *("dataset.path=/dev/null", "farm.python=/nonexistent", "search_space.filters=[[", "[]=1"),
    *(
        "/etc",
        "/dev/null",
        "/proc/self/mem",
        "/proc/nope",
        "/etc/passwd",
        CONFIG,
        "x" * 5000,
        "\udcff",
    ),
    *(
        "--candidate",
        "-1",
        "99999999999999999999",
        "--epochs",
        "0",
        "1e9",
        "--steal-lock",
        "-np",
        "\x1b[",
    ),
    *("--print-completion", "bash", "--follow", "--format=xml", "lr/x=1", "run.wall_minutes=0.001"),
)


def main() -> int:
    """Run; the exit code is 1 when one of them misbehaved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    codes: collections.Counter[str] = collections.Counter()
    slowest = wrong = 0.0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        subprocess.run(
            [sys.executable, "-m", "mpineat", *GOOD[0][:2], "done", *DRY],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        for number in range(arguments.number):
            draws = random.Random(f"{arguments.seed} {number}")
            words = mutate.words(draws, draws.choice(GOOD), OTHERS)
            code, text, seconds = run(words)
            slowest = max(slowest, seconds)
            codes[code] += 1
            if "Traceback (most recent call last)" in text or code not in ("0", "1", "2", "75"):
                wrong += 1
                print(
                    f"seed {arguments.seed}, number {number}: {words!r:.300}: {code}\n{text[-600:]}"
                )
    print(f"{arguments.number} command lines: codes {dict(codes)}, {wrong:.0f} wrong")
    print(f"slowest {slowest:.1f} s")
    return int(bool(wrong))


def run(words: list[str]) -> tuple[str, str, float]:
    """Return exit code, output and seconds of one command line."""
    began = time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.closerange(3, writer + 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26))
        sys.stdin = open(os.devnull)  # noqa: SIM115
        sys.stdout = open(1, "w", errors="backslashreplace")  # noqa: SIM115
        sys.stderr = open(2, "w", errors="backslashreplace")  # noqa: SIM115
        try:
            code = mpineat(words)
        except BaseException:
            traceback.print_exc()
            code = 3
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    os.close(writer)
    output, asked = b"", False
    while True:
        seconds = time.monotonic() - began
        if seconds > STOP_SECONDS + LONGEST_SECONDS:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(reader)
            return "hung", output.decode(errors="replace"), seconds
        if seconds > STOP_SECONDS and not asked:
            asked = True
            os.kill(pid, signal.SIGTERM)
        if select.select([reader], [], [], 0.1)[0]:
            if not (data := os.read(reader, 1 << 16)):
                break
            output += data
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = "75" if asked and status == -signal.SIGTERM else str(status)  # a command without a run
    return code, output.decode(errors="replace"), time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
