"""Break runs on purpose, go on with --resume, and compare the history with an undisturbed run's.

python tools/chaos.py --faults 200 [--kinds kill_child,full_disk ...] [--seed 0] [--json FILE]

Each run is a dry run of `mpineat run` (rank 0 and two workers) in a directory of its own, on a
small tmpfs where this user may mount one. Faults hit it at random moments, until it ends by itself;
only processes that descend from the mpirun that was started here are ever signalled, by their ids.

Held to be true, and checked: every run ends with the history of the undisturbed one; an outcome
that was in the journal is never evaluated again (unless the fault damaged that very file); no
process outlives its job; every exit code is one that the fault explains.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from faults.chaos import Chaos
from faults.job import Broken

DISK_MB = 16


def build(library: Path) -> bool:
    """Compile what makes reads fail; return whether there is a compiler."""
    source = Path(__file__).with_name("faults") / "sick_disk.c"
    if (compiler := shutil.which("cc")) is None:
        return False
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return True


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="start no new run after these"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="comma-separated; default: all")
    parser.add_argument("--mpirun", default=str(Path(sys.executable).parent / "mpirun"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--json", type=Path, help="write the counts here")
    arguments = parser.parse_args(argv)
    folder = Path(tempfile.mkdtemp(prefix="chaos_"))
    size = f"size={DISK_MB}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "chaos", str(folder)], capture_output=True
    )
    if mounted.returncode:
        print(f"no small disk, so no full one: {mounted.stderr.decode().strip()}")
    try:
        chaos = Chaos(arguments, folder)
        kinds = arguments.kinds.split(",") if arguments.kinds else list(chaos.kinds)
        if mounted.returncode and "full_disk" in kinds:
            kinds.remove("full_disk")
        if "sick_disk" in kinds and not build(chaos.preload):
            print("no C compiler, so no sick disk")
            kinds.remove("sick_disk")
        chaos.disturb(kinds, arguments.faults, arguments.seconds)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        kept = Path(tempfile.mkdtemp(prefix="chaos_kept_"))
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        print(f"everything is kept in {kept}")
        return 1
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(folder)], check=False)
        shutil.rmtree(folder, ignore_errors=True)
    result = {
        "faults": dict(chaos.faults),
        "total": sum(chaos.faults.values()),
        "runs": chaos.runs,
        "launches": chaos.launches,
        "acknowledged_outcomes": chaos.acknowledged_ever,
        "exit_codes": dict(sorted(chaos.codes.items())),
        "lost": 0,
        "differing_histories": 0,
    }
    print(json.dumps(result, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
