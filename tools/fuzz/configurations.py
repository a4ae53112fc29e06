"""Feed mutated YAML files to the reader of configurations: a Config or one complaint, and soon.

python tools/fuzz/configurations.py --number 1000 --seed 1
"""

from __future__ import annotations

import argparse
import collections
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

import mutate

from mpineat.config import Config, earlier, yaml_file
from mpineat.errors import InputError

LONGEST_SECONDS = 5.0
LONGEST_COMPLAINT = 20_000


def main() -> int:
    """Run; the exit code is 1 when anything else than a complaint came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    root = Path(__file__).parents[2]
    good = [path.read_text() for path in (*(root / "configs").glob("*.yaml"), *bad(root))]
    good.append(yaml_file.dumps(Config()))
    ends: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        for number in range(arguments.number):
            draws = random.Random(f"{arguments.seed} {number}")
            path.write_bytes(mutate.text(draws, draws.choice(good)).encode(errors="surrogatepass"))
            for read in (yaml_file.load, earlier.load):
                began = time.process_time()
                end = outcome(read, path)
                slowest = max(slowest, time.process_time() - began)
                ends[end] += 1
                if end == "traceback":
                    print(f"seed {arguments.seed}, number {number}:\n{traceback.format_exc()}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{arguments.number} files, each read as a user's and as a run's: {dict(ends)}")
    print(f"slowest {slowest:.2f} s of processor time, peak {peak} MiB")
    return int(set(ends) > {"config", "complaint"} or slowest > LONGEST_SECONDS)


def bad(root: Path) -> list[Path]:
    """Return the files that the tests know to be refused: each is near some edge."""
    return sorted((root / "tests" / "config" / "bad").glob("*.yaml"))


def outcome(read: object, path: Path) -> str:
    """Return how reading ended: "config", "complaint", or what must not be."""
    try:
        read(path)  # type: ignore[operator]
    except InputError as error:
        lines = str(error).splitlines()
        fit = all(line.isprintable() for line in lines) and len(str(error)) < LONGEST_COMPLAINT
        return "complaint" if lines and fit else "unfit complaint"
    except Exception:
        return "traceback"
    return "config"


if __name__ == "__main__":
    sys.exit(main())
