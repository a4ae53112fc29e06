"""Evolution without training: `python tools/benchmark.py evolution [PART ...] [--output DIR]`.

Parts: speed, optimum, fuzz, assembled, endurance. Figures and figures' numbers go to DIR.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench import evolution_endurance, evolution_fuzz, evolution_optimum, evolution_speed

PARTS = {
    "speed": evolution_speed.run,
    "optimum": evolution_optimum.run,
    "fuzz": evolution_fuzz.run,
    "assembled": evolution_fuzz.run_assembled,
    "endurance": evolution_endurance.run,
}


def main(argv: list[str]) -> int:
    """Run the parts asked for (speed by default) and write one JSON file for each."""
    parser = argparse.ArgumentParser(
        prog="benchmark.py evolution",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or all")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark-evolution"))
    evolution_speed.add_options(parser.add_argument_group("speed"))
    evolution_optimum.add_options(parser.add_argument_group("optimum"))
    evolution_fuzz.add_options(parser.add_argument_group("fuzz, assembled"))
    evolution_endurance.add_options(parser.add_argument_group("endurance"))
    options = parser.parse_args(argv)
    parts = list(PARTS) if "all" in options.parts else options.parts or ["speed"]
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown part {sorted(unknown)[0]!r}; known are {', '.join(PARTS)}")
    options.output.mkdir(parents=True, exist_ok=True)
    for part in parts:
        found = PARTS[part](options)
        (options.output / f"{part}.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0
