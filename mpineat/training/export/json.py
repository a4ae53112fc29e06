"""The architecture alone, as JSON; nothing is trained for it."""

from __future__ import annotations

import json
from pathlib import Path

from mpineat.phenotype.network import Network
from mpineat.training.export.exporter import Exporter


def write(network: Network, path: Path) -> None:
    """Write what Network.from_json reads."""
    path.write_text(json.dumps(network.to_json(), indent=1), encoding="utf-8")


EXPORTER = Exporter(
    name="json",
    write=write,
    how_to_load='mpineat.Network.from_json(json.load(open("{path}")))',
    trains=False,
)
