"""The networks of outcomes as tables and back: Network JSON in lines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mpineat.errors import InputError
from mpineat.phenotype.network import Network
from mpineat.store.columns import BadValue, Columns, Table, Tables, from_table, to_table
from mpineat.tasks import Outcome
from mpineat.wire import Count

NETWORK: Columns = {"candidate": Count, "json": str}
# What Network.from_json and json raise for whatever a line may hold.
_NO_NETWORK = (InputError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


def network_table(outcomes: Sequence[Outcome], field: str) -> Table:
    """Return each network's JSON in lines: first all but the layers, then a line a layer.

    Lines of one width compress and carry checksums, which HDF5's texts of any length do not; and
    h5dump shows a network as a person would write it.
    """
    rows = []
    for outcome in outcomes:
        network = getattr(outcome, field)
        if network is not None:
            lines = [
                {key: value for key, value in network.items() if key != "layers"},
                *network["layers"],
            ]
            rows += [(outcome.candidate, json.dumps(line)) for line in lines]
    return to_table(NETWORK, rows)


def networks_from(tables: Tables, path: str) -> dict[int, Mapping[str, Any]]:
    """Return each candidate's Network JSON; equal ones are one object.

    Raises:
        BadValue: One is no network.
    """
    lines: dict[int, list[str]] = {}
    for candidate, line in zip(*from_table(NETWORK, tables, path, optional=True), strict=True):
        lines.setdefault(candidate, []).append(line)
    # Most candidates repeat an outcome, and equal networks have equal lines.
    values: dict[str, Any] = {}
    networks: dict[tuple[str, ...], Mapping[str, Any]] = {}
    found = {}
    for candidate, its in lines.items():
        key = tuple(its)
        if key not in networks:
            try:
                values |= {line: json.loads(line) for line in its if line not in values}
                head, *layers = (values[line] for line in its)
                networks[key] = {**head, "layers": layers}
                Network.from_json(networks[key])
            except _NO_NETWORK as error:
                what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
                raise BadValue(f"{path}: candidate {candidate}: {what}") from None
        found[candidate] = networks[key]
    return found
