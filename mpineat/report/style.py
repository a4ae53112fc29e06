"""What the charts of a report and the figures of an experiment share."""

from __future__ import annotations

from pathlib import Path

STYLE = Path(__file__).with_suffix(".mplstyle")
