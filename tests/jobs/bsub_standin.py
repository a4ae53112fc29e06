#!/usr/bin/env python3
"""A stand-in for LSF's bsub, to run job files where there is no LSF: one host, no queue, waits.

    BSUB_MINUTE=1 python bsub_standin.py -W 10 < job.lsf        a minute of -W lasts a second

After IBM's documents of LSF 10.1: options from #BSUB lines anywhere in the script on standard
input, the command line's win; LSB_* variables; arrays, one task after another; the warning of -wa
and -wt;
at the run limit SIGKILL for parallel jobs, SIGUSR2 and then SIGINT, SIGTERM, SIGKILL for others;
signals go to every process of the job; exit codes of -Q start the job again under its number.

BSUB_WARN_AT=PATH sends the first warning when PATH appears instead of by the clock, so that a test
need not guess how fast a machine is. The exit code is that of the job's last run.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WITH_VALUE = {
    "J",
    "o",
    "oo",
    "e",
    "eo",
    "q",
    "n",
    "R",
    "gpu",
    "W",
    "wa",
    "wt",
    "Q",
    "m",
    "w",
    "P",
    "M",
}
WITHOUT_VALUE = {"r", "rn", "x", "N", "B", "K"}
TERMINATE_SECONDS = 10.0  # JOB_TERMINATE_INTERVAL
REQUEUES_AT_MOST = 20


class BadOption(Exception):
    """What bsub would refuse, in its words."""


@dataclass(frozen=True)
class Request:
    """A job as submitted."""

    script: str
    options: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.options.get("J", "job").partition("[")[0]

    @property
    def indices(self) -> Sequence[int]:
        """The array's tasks; 0 alone for a job that is no array."""
        array = re.search(r"\[(\d+)-(\d+)\]", self.options.get("J", ""))
        return range(int(array[1]), int(array[2]) + 1) if array else (0,)

    @property
    def slots(self) -> int:
        return int(self.options.get("n", "1"))

    @property
    def requeue_codes(self) -> set[int]:
        return {int(code) for code in re.findall(r"\d+", self.options.get("Q", ""))}

    def minutes(self, option: str) -> int | None:
        """Read [hours:]minutes; LSF knows no seconds."""
        text = self.options.get(option)
        if text is None:
            return None
        if not re.fullmatch(r"(\d+:)?\d+", text):
            raise BadOption(f"{text}: Bad argument for option -{option}. Job not submitted.")
        hours, _, minutes = text.rpartition(":")
        return int(hours or 0) * 60 + int(minutes)


def parse(script: str, arguments: Sequence[str]) -> Request:
    """Read the script's #BSUB lines, then the command line."""
    lines = re.findall(r"^#BSUB[ \t]+(.*)$", script, re.MULTILINE)
    options: dict[str, str] = {}
    for words in (*(shlex.split(line) for line in lines), list(arguments)):
        rest = iter(words)
        for word in rest:
            name = word[1:] if word.startswith("-") else None
            if name in WITHOUT_VALUE:
                options[name] = ""
            elif name in WITH_VALUE:
                options[name] = next(rest, "")
            else:
                raise BadOption(f"{word}: Illegal option. Job not submitted.")
    request = Request(script, options)
    limit, warning = request.minutes("W"), request.minutes("wt")
    if ("wa" in options) != ("wt" in options):
        raise BadOption("-wa and -wt must be used together. Job not submitted.")
    if limit is not None and warning is not None and warning >= limit:
        raise BadOption("-wt: the warning comes before the job starts. Job not submitted.")
    return request


@dataclass
class Task:
    """One run after another of a job, or of one task of an array."""

    request: Request
    number: int
    index: int
    folder: Path
    minute_seconds: float
    warn_at: Path | None
    runs: int = 0
    _due: list[tuple[Callable[[float], bool], signal.Signals]] = field(default_factory=list)

    def run(self) -> int:
        """Run until an exit code asks for no requeue; return it."""
        while True:
            code = self._run_once()
            self.runs += 1
            if code not in self.request.requeue_codes or self.runs > REQUEUES_AT_MOST:
                return code

    def _run_once(self) -> int:
        began = time.monotonic()
        with self._log() as log:
            body = self.folder / f"{self.number}.{self.index}.sh"
            body.write_text(self.request.script)
            shebang = self.request.script.splitlines()[0]
            shell = shebang[2:].split() if shebang.startswith("#!") else ["/bin/sh"]
            process = subprocess.Popen(
                [*shell, str(body)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=self._environment(), start_new_session=True,
            )  # fmt: skip
            self._due = list(self._signals())
            while process.poll() is None:
                while self._due and self._due[0][0](time.monotonic() - began):
                    self._signal_all(self._due.pop(0)[1])
                time.sleep(0.02)
            self._signal_all(signal.SIGKILL)
            code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            outcome = "Successfully completed." if code == 0 else f"Exited with exit code {code}."
            log.write(f"\n{'-' * 60}\n{outcome}\n\n".encode())
        return code

    def _signals(self) -> Iterator[tuple[Callable[[float], bool], signal.Signals]]:
        """Yield (whether it is due, signal) in order."""
        limit, warning = self.request.minutes("W"), self.request.minutes("wt")
        if limit is None:
            return
        if warning is not None:
            number = signal.Signals[f"SIG{self.request.options['wa'].removeprefix('SIG')}"]
            if self.warn_at is not None and self.runs == 0:
                path = self.warn_at
                yield (lambda seconds: path.exists()), number
            else:
                yield self._after((limit - warning) * self.minute_seconds), number
        end = limit * self.minute_seconds
        if self.request.slots == 1:
            for number in (signal.SIGUSR2, signal.SIGINT, signal.SIGTERM):
                yield self._after(end), number
                end += TERMINATE_SECONDS
        yield self._after(end), signal.SIGKILL

    @staticmethod
    def _after(limit: float) -> Callable[[float], bool]:
        return lambda seconds: seconds > limit

    def _environment(self) -> dict[str, str]:
        request, host = self.request, os.uname().nodename
        environment = os.environ | {
            "LSB_JOBID": str(self.number),
            "LSB_JOBINDEX": str(self.index),
            "LSB_JOBNAME": request.name,
            "LSB_QUEUE": request.options.get("q", "normal"),
            "LSB_HOSTS": " ".join([host] * request.slots),
            "LSB_MCPU_HOSTS": f"{host} {request.slots}",
            "LSB_DJOB_NUMPROC": str(request.slots),
            "LSB_SUB_HOST": host,
            "LS_SUBCWD": os.getcwd(),
            "BSUB_STANDIN": self._mark,
        }
        gpus = re.search(r"num=(\d+)", request.options.get("gpu", ""))
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(int(gpus[1]))))
        if self.runs:
            environment["LSB_RESTART"] = "Y"
        return environment

    @property
    def _mark(self) -> str:
        return f"{os.getpid()}.{self.number}.{self.index}"

    def _signal_all(self, number: signal.Signals) -> None:
        """Signal every process of the job, also those in sessions of their own."""
        mark = f"BSUB_STANDIN={self._mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    os.kill(int(folder.name), number)
            except OSError:
                continue  # it has ended meanwhile

    def _log(self):
        options = self.request.options
        name = options.get("oo") or options.get("o") or f"{self.request.name}.%J.%I.out"
        path = name.replace("%J", str(self.number)).replace("%I", str(self.index))
        return open(path, "wb" if "oo" in options and not self.runs else "ab")


def main(arguments: Sequence[str]) -> int:
    """Submit what is on standard input and wait for it."""
    try:
        request = parse(sys.stdin.read(), arguments)
    except BadOption as error:
        print(error, file=sys.stderr)
        return 255
    number = os.getpid()
    print(
        f"Job <{number}> is submitted to queue <{request.options.get('q', 'normal')}>.", flush=True
    )
    minute = float(os.environ.get("BSUB_MINUTE", "60"))
    warn_at = os.environ.get("BSUB_WARN_AT")
    code = 0
    with tempfile.TemporaryDirectory() as folder:
        for index in request.indices:
            task = Task(
                request, number, index, Path(folder), minute, Path(warn_at) if warn_at else None
            )
            code = max(code, task.run())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
