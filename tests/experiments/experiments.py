"""Experiments made by hand, for the tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mpineat.config import Config
from mpineat.experiments.experiment import Experiment, GenerationRecord
from mpineat.tasks import Compressed, Epoch, Outcome, Seconds

FLOPS = 1_000_000
KEPT = 0.25


def experiment(
    seed: int = 0,
    *,
    compressed: bool,
    minutes: float = 10.0,
    accuracies: Sequence[float | None] = (0.5, 0.7),
    generations: int = 2,
    done: int | None = None,
    **changes: Any,
) -> Experiment:
    """Return a run; each generation takes `minutes` / `generations` and has these accuracies.

    Args:
        done: Generations that are finished; None: all.
        changes: Sections of the configuration, and fields of the experiment.
    """
    config = Config.model_validate(
        {
            "run": {"seed": seed},
            "evolution": {
                "generations": generations,
                "early_discarding": "none",
                **changes.pop("evolution", {}),
            },
            "compression": {"enabled": compressed, **changes.pop("compression", {})},
            "dataset": changes.pop("dataset", {}),
            "training": changes.pop("training", {"epochs": 8}),
            "farm": changes.pop("farm", {}),
        }
    )
    records = tuple(
        GenerationRecord(
            number=number,
            seconds=60 * minutes / generations,
            outcomes=tuple(
                outcome(number * len(accuracies) + place, accuracy, compressed=compressed)
                for place, accuracy in enumerate(accuracies)
            ),
        )
        for number in range(generations if done is None else done)
    )
    name = f"{'compressed' if compressed else 'plain'}-s{seed}"
    fields: dict[str, Any] = {"path": Path("runs", name), "run_id": name, "workers": 2}
    return Experiment(config=config, generations=records, **fields | changes)


def outcome(candidate: int, accuracy: float | None, *, compressed: bool) -> Outcome:
    """Return an evaluation of a network of FLOPS that cost 1 second a training epoch, 2 in all."""
    if accuracy is None:
        return Outcome(candidate=candidate, network_hash="", status="failed", reason="nan")
    share = KEPT if compressed else 1.0
    return Outcome(
        candidate=candidate,
        network_hash=str(candidate),
        status="ok",
        accuracy=accuracy,
        flops_before=FLOPS,
        flops_after=int(FLOPS * share),
        compressed=Compressed(widths={"a": (64, 20), "b": (32, 32)}) if compressed else None,
        curve=tuple(
            Epoch(epoch=n, loss=1 / n, accuracy=0.1 * n, val_loss=1 / n, val_accuracy=0.1 * n)
            for n in (1, 2, 3)
        ),
        seconds=Seconds(total=60.0, stages={"train": 8.0 * share, "evaluate": 2.0 * share}),
    )
