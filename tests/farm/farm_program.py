"""What test_farm.py starts under mpirun: a little search of its own, and ways to break it.

python farm_program.py MODE LOGS ...; rank 0 prints one JSON line about what it saw.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from mpineat.cluster.stop import Stop
from mpineat.errors import STOPPED, FarmError
from mpineat.farm import mpi
from tests import evaluations


def main(mode: str, logs: Path) -> int:
    with mpi.join() as member:
        if mode == "error on rank 1" and member.rank == 1:
            raise ZeroDivisionError("for the test")
        if member.rank:
            return member.serve()
        if mode == "error on rank 0":
            raise ZeroDivisionError("for the test")
        if mode == "refuse":
            return member.end(2)
        stop = Stop()
        stop.install()
        sleep = {"slow": 1000.0, "signal": 0.3}.get(mode, 0.02)  # long enough for every worker
        python = "/bin/false" if mode == "no child" else None
        config = evaluations.config(dry_run_seconds=sleep, python=python, beat_seconds=0.5)
        crew = member.open(config, logs, stop)
        for number in range(20):
            crew.submit(evaluations.task(number, 16 + number))
        found = {}
        try:
            while len(found) < 20 and not stop.reason():
                outcome = crew.poll(0.2)
                if mode == "slow":
                    (logs / "children").write_text(str(len(crew.running())))
                if outcome is None:
                    continue
                found[outcome.candidate] = outcome
                if mode == "kill" and len(found) == 3:
                    kill_children()
                if mode == "signal" and len(found) == 2:
                    os.kill(os.getpid(), signal.SIGUSR2)
                    time.sleep(0.1)
        except FarmError as error:
            print(error, file=sys.stderr)
            return member.end(1)
        seen = {
            "size": member.size,
            "outcomes": [[o.candidate, o.status, o.accuracy] for _, o in sorted(found.items())],
            "ranks": sorted({o.rank for o in found.values()}),
            "tensorflow": "tensorflow" in sys.modules,
            "mpi4py": "mpi4py" in sys.modules,
        }
        print(json.dumps(seen), flush=True)
        return member.end(STOPPED if stop.reason() else 0)


def kill_children() -> None:
    """Kill every child process of this test's ranks: those that serve this very job's logs."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            log = os.readlink(entry / "fd" / "2")
        except OSError:
            continue
        if log.startswith(str(sys.argv[2])):
            os.kill(int(entry.name), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
