"""What tools/bench/farm.py starts under mpirun or alone: no-op tasks through one of three farms.

farm_ranks.py ours|mpi4py|dask TASKS IDLE_SECONDS [DASK_WORKERS]; prints one JSON line.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

PAYLOAD = 2048  # bytes each way for the others: about what a Task and an Outcome take
WARM_UP = 50  # tasks before the clock starts


def echo(payload: bytes) -> bytes:
    return payload


def cpu_seconds(pids: list[int]) -> float:
    """Return the processor time that these processes have used."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def work(pids: list[int]) -> tuple[float, int]:
    """Return these processes' seconds on a processor, and how often they slept."""
    seconds, sleeps = 0.0, 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            try:
                seconds += int((thread / "schedstat").read_text().split()[0]) / 1e9
                status = (thread / "status").read_text().rpartition("\nvoluntary_ctxt_switches:")[2]
            except (OSError, IndexError):
                continue
            sleeps += int(status.split()[0])
    return seconds, sleeps


def family(of: int) -> list[int]:
    """Return all descendants of a process."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(stat[1])
    found = [of]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def measured(through: Callable[[], float]) -> dict[str, float]:
    """Return what `through` returns, and what the whole job worked meanwhile."""
    pids = family(os.getppid())
    before = work(pids)
    seconds = through()
    after = work(pids)
    return {"seconds": seconds, "cpu": after[0] - before[0], "sleeps": after[1] - before[1]}


def idle_share(seconds: float, wait) -> dict[str, float]:
    """Return shares of a core that rank 0 and the mean other process burn while `wait` waits."""
    if not seconds:
        return {}
    launcher = os.getppid()
    others = [pid for pid in family(launcher) if pid != os.getpid()]
    before, began = (cpu_seconds([os.getpid()]), cpu_seconds(others)), time.monotonic()
    wait(seconds)
    elapsed = time.monotonic() - began
    master = (cpu_seconds([os.getpid()]) - before[0]) / elapsed
    rest = (cpu_seconds(others) - before[1]) / elapsed
    return {"idle_rank_0": master, "idle_all_others": rest, "processes": len(others) + 1}


def ours(tasks: int, idle_seconds: float) -> dict[str, float] | None:
    from mpineat.child import process
    from mpineat.cluster.stop import Stop
    from mpineat.config import Config
    from mpineat.farm import mpi
    from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection, ModuleNode
    from mpineat.genotype.genome import Blueprint, Candidate, Module
    from mpineat.tasks import Task

    process.BOOT = process.BOOT.replace("mpineat.child.main", "farm_noop_child")
    with mpi.join() as member:
        if member.rank:
            member.serve()
            return None
        crew = member.open(
            Config.model_validate({"farm": {"tasks_per_child": 10**9}}),
            Path(tempfile.mkdtemp()),
            Stop(),
        )
        wires = (Connection(0, INPUT, 2, True), Connection(1, 2, OUTPUT, True))
        modules = tuple(
            (i, Module(i, (ModuleNode(2, 32, 3, "none", 0.1),), wires, "add")) for i in range(3)
        )
        nodes = tuple(BlueprintNode(i + 2, i) for i in range(3))
        path = (INPUT, *(node.id for node in nodes), OUTPUT)
        chain = tuple(Connection(i, *ends, True) for i, ends in enumerate(pairwise(path)))

        def task(number: int) -> Task:
            candidate = Candidate(
                id=number,
                generation=0,
                blueprint=Blueprint(number, nodes, chain, dense=(64,)),
                modules=modules,
            )
            return Task(
                candidate=candidate, network_hash="0" * 16, seed=1, compress=True, flops=number
            )

        def through(numbers: range) -> float:
            ready = [task(number) for number in numbers]
            began = time.perf_counter()
            for one in ready:
                crew.submit(one)
            left = len(ready)
            while left:
                left -= crew.poll(1.0) is not None
            return time.perf_counter() - began

        while any(worker.state == "starting" for worker in crew.workers()):
            crew.poll(0.1)
        through(range(WARM_UP))
        found = measured(lambda: through(range(WARM_UP, WARM_UP + tasks)))

        def wait(seconds: float) -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                crew.poll(0.5)

        found |= idle_share(idle_seconds, wait)
        member.end(0)
        return found


def mpi4py(tasks: int, idle_seconds: float) -> dict[str, float]:
    from mpi4py.futures import MPIPoolExecutor, as_completed

    payload = os.urandom(PAYLOAD)
    with MPIPoolExecutor() as pool:
        pool.bootup(wait=True)

        def through(count: int) -> float:
            began = time.perf_counter()
            for future in as_completed([pool.submit(echo, payload) for _ in range(count)]):
                future.result()
            return time.perf_counter() - began

        through(WARM_UP)
        return {**measured(lambda: through(tasks)), **idle_share(idle_seconds, time.sleep)}


def dask(tasks: int, idle_seconds: float, workers: int) -> dict[str, float]:
    from distributed import Client, LocalCluster, as_completed

    payload = os.urandom(PAYLOAD)
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):

        def through(count: int) -> float:
            began = time.perf_counter()
            futures = [client.submit(echo, payload, pure=False) for _ in range(count)]
            for future in as_completed(futures):
                future.result()
            return time.perf_counter() - began

        through(WARM_UP)
        seconds = through(tasks)
        others = family(os.getpid())
        before, began = cpu_seconds([os.getpid(), *others]), time.monotonic()
        time.sleep(idle_seconds)
        share = (cpu_seconds([os.getpid(), *others]) - before) / (time.monotonic() - began)
        return {"seconds": seconds, "idle_all_others": share, "processes": len(others) + 1}


if __name__ == "__main__":
    which, count, idle = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    if which == "dask":
        result = dask(count, idle, int(sys.argv[4]))
    else:
        result = {"ours": ours, "mpi4py": mpi4py}[which](count, idle)
    if result is not None:
        print(json.dumps(result), flush=True)
