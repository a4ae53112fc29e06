"""A package of somebody else's, installed for a test: a folder on the path with its metadata."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def install(folder: Path, module: Path, **entry_points: str) -> dict[str, str]:
    """Put `module` and its entry points into `folder`; return an environment that has them.

    Args:
        entry_points: Kind -> "name = module:attribute".
    """
    (folder / "theirs-1.0.dist-info").mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n"
    (folder / "theirs-1.0.dist-info" / "METADATA").write_text(metadata)
    (folder / "theirs-1.0.dist-info" / "entry_points.txt").write_text(
        "\n".join(f"[mpineat.{kind}]\n{line}\n" for kind, line in entry_points.items())
    )
    (folder / module.name).write_text(module.read_text())
    path = os.pathsep.join((os.environ["PYTHONPATH"], str(folder)))  # the checkout comes first
    return {**os.environ, "PYTHONPATH": path}


def mpineat(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "mpineat", *(str(word) for word in words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, **options
    )
