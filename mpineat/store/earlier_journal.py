"""Lines that stood in journals before they had a version: until commit 115d76e."""

from __future__ import annotations

import json

from mpineat.wire import LARGEST, WireError


def as_today(kind: str, text: bytes) -> bytes:
    """Return what an earlier line held, an "outcome" or a "candidate", as the JSON of today.

    Genomes were objects with a name for each field; the codec reads named tuples in that form too.

    Raises:
        WireError: It is no such line.
    """
    if len(text) > LARGEST:
        raise WireError(f"more than {LARGEST:,} bytes")
    try:
        value = json.loads(text)
        if kind == "candidate" and "training" not in value["blueprint"]:
            # Before a blueprint had settings of training it had a learning rate alone.
            rate = value["blueprint"].pop("learning_rate")
            value["blueprint"]["training"] = None if rate is None else [rate]
        if kind == "outcome":
            seconds = value["seconds"]  # a field for each stage
            of_all = {name: seconds.pop(name) for name in ("queue", "total")}
            value["seconds"] = {**of_all, "stages": seconds}
        # A file name that is no UTF-8 could stand in a detail.
        return json.dumps(value, ensure_ascii=False).encode(errors="replace")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise WireError(f"not an earlier {kind}: {type(error).__name__}: {error}") from None
