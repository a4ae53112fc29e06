"""The farm's cost a task, idle ranks, busy workers; beside mpi4py.futures and dask."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
# (workers, candidates in a generation)
SIZES = ((2, 12), (8, 50), (64, 200), (512, 1500), (4096, 12000))


def measure(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the no-op tasks through each farm at each number of ranks."""
    rows = []
    for ranks in arguments.ranks:
        farms = ["ours", "mpi4py"] + (["dask"] if arguments.dask else [])
        for which in farms:
            best: dict[str, Any] | None = None
            for _ in range(arguments.repeat):
                found = _run(arguments, which, ranks)
                if best is None or found["seconds"] < best["seconds"]:
                    best = {**found, "idle": found.get("idle_rank_0")}
            assert best is not None
            workers = ranks - 1
            row = {
                "farm": which,
                "ranks": ranks,
                "microseconds_a_task": 1e6 * best["seconds"] / arguments.tasks,
                "tasks_a_second": arguments.tasks / best["seconds"],
                "cpu_microseconds_a_task": 1e6 * best.get("cpu", 0.0) / arguments.tasks,
                "sleeps_a_task": best.get("sleeps", 0) / arguments.tasks,
                "idle_rank_0": best.get("idle_rank_0"),
                "idle_a_process": best.get("idle_all_others", 0.0) / max(1, best["processes"] - 1)
                if "processes" in best
                else None,
                "workers": workers,
            }
            rows.append(row)
            print(_line(row), flush=True)
    return rows


def _run(arguments: argparse.Namespace, which: str, ranks: int) -> dict[str, Any]:
    program = [str(HERE / "farm_ranks.py"), which, str(arguments.tasks), str(arguments.idle)]
    mpirun = [*arguments.mpirun.split(), "-np", str(ranks)]
    if which == "dask":
        command = [arguments.dask, *program, str(ranks - 1)]
    elif which == "mpi4py":
        command = [*mpirun, arguments.python, "-m", "mpi4py.futures", *program]
    else:
        command = [*mpirun, arguments.python, *program]
    path = {"PYTHONPATH": f"{ROOT}:{HERE}"}
    done = subprocess.run(
        command, env=os.environ | path, capture_output=True, text=True, timeout=300
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(lines[-1])


def _line(row: dict[str, Any]) -> str:
    def percent(share: float | None) -> str:
        return "     -" if share is None else f"{share:6.2%}"

    return (
        f"{row['farm']:8s} {row['ranks']:3d} ranks  {row['microseconds_a_task']:8.0f} us/task  "
        f"{row['tasks_a_second']:7.0f} tasks/s  {row['cpu_microseconds_a_task']:6.0f} us of CPU, "
        f"{row['sleeps_a_task']:4.1f} sleeps a task  idle: rank 0 {percent(row['idle_rank_0'])}, "
        f"another process {percent(row['idle_a_process'])} of a core"
    )


def busy(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Simulate the busy share of workers for each order of dispatch."""
    from bench.schedule import in_order, simulate

    rows = []
    for name, draw in distributions(arguments.run):
        for workers, candidates in SIZES:
            rng = np.random.default_rng(0)
            generations = max(2, 2000 // candidates)
            seconds = draw(rng, candidates * generations)
            ahead = np.concatenate([seconds, draw(rng, workers)])
            row = {
                "seconds": name,
                "workers": workers,
                "candidates": candidates,
                "static": in_order(seconds, workers, candidates, static=True),
                "in order": in_order(seconds, workers, candidates, static=False),
                "dearest first": simulate(seconds, workers, candidates, steady=False),
                "steady": simulate(ahead, workers, candidates, steady=True),
            }
            rows.append(row)
            shares = "  ".join(
                f"{key} {row[key]:6.1%}"
                for key in ("static", "in order", "dearest first", "steady")
            )
            print(
                f"{name:22s} {workers:4d} workers, {candidates:5d} candidates  {shares}", flush=True
            )
    return rows


def distributions(run_dir: Path | None) -> list[tuple[str, Any]]:
    """Return (name, function that draws seconds): log-normal ones, and that of a real run."""
    found: list[tuple[str, Any]] = [
        (f"log-normal {sigma}", lambda rng, n, s=sigma: rng.lognormal(np.log(60.0), s, n))
        for sigma in (0.5, 1.0)
    ]
    if run_dir is not None:
        from mpineat import store

        measured = [
            outcome.seconds.total
            for generation in store.read_run(run_dir).generations
            for outcome in generation.outcomes
            if outcome.status == "ok" and outcome.reused_from is None
        ]
        found.append((f"{run_dir.name} ({len(measured)})", lambda rng, n: rng.choice(measured, n)))
    return found


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmark.py farm", description=__doc__)
    parser.add_argument("--ranks", type=int, nargs="*", default=[3, 9, 33])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many runs counts")
    parser.add_argument("--idle", type=float, default=5.0, help="seconds of idleness to measure")
    parser.add_argument("--mpirun", default=str(Path(sys.executable).parent / "mpirun"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--dask", help="interpreter of an environment with distributed")
    parser.add_argument("--run", type=Path, help="run directory whose seconds are drawn from")
    parser.add_argument("--only", choices=("cost", "busy"))
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args(argv)
    sys.path.insert(0, str(ROOT))
    result: dict[str, Any] = {}
    if arguments.only != "busy":
        result["cost"] = measure(arguments)
    if arguments.only != "cost":
        result["busy"] = busy(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0
