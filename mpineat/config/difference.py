"""How two configurations differ, and which options change what a run finds out.

The one list of it: a resumed run may change what changes no outcome, experiments are comparable
that differ in nothing else, and a page about a run shows what differs from the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpineat.config.data import Arrays
from mpineat.config.section import Section

# Option, or section for all options that are not listed themselves -> whether it changes outcomes.
# What is not listed at all is refused by a test.
CHANGES_OUTCOMES: Mapping[str, bool] = {
    "run.seed": True,
    "run.wall_minutes": False,
    "run.grace_seconds": False,
    "dataset": True,
    "dataset.path": False,  # the same images may lie elsewhere, under other names
    "dataset.on_device": False,  # the same images in the same order
    **{f"dataset.arrays.{name}": False for name in Arrays.model_fields},
    "search_space": True,
    "evolution": True,
    "evolution.generations": False,  # more of the same history, or less
    "evolution.morphism.weights_mb": False,
    "training": True,
    "training.threads": False,
    "training.max_minutes": False,
    "compression": True,
    "final": False,  # of no generation's; a final that ended is held again, equal trainings are kept
    "recipe": True,  # of equal trainings of a final, which a resumed run takes over
    "farm.evaluator": True,
    "farm.dry_run_seconds": False,
    "farm.task_minutes": False,
    "farm.tasks_per_child": False,
    "farm.attempts": False,
    "farm.python": False,
    "farm.start_seconds": False,
    "farm.beat_seconds": False,
    "farm.lost_seconds": False,
    "farm.growth_mb": False,
    "farm.memory_mb": False,
    "farm.share_gpu": False,
}


def changes_outcomes(name: str) -> bool:
    """Return whether the option of this full name ("training.epochs") changes outcomes.

    Raises:
        KeyError: Nobody has decided yet.
    """
    while name not in CHANGES_OUTCOMES and "." in name:
        name = name.rpartition(".")[0]
    return CHANGES_OUTCOMES[name]


def flat(section: Section, prefix: str = "") -> dict[str, Any]:
    """Return the values of all options below `section` by their full names, in their order."""
    found: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        full = f"{prefix}{name}"
        found |= flat(value, f"{full}.") if isinstance(value, Section) else {full: value}
    return found


def changed(section: Section, usual: Section) -> dict[str, tuple[Any, Any]]:
    """Return (value, usual value) of every option in which two sections of one kind differ."""
    before = flat(usual)
    return {name: (v, before[name]) for name, v in flat(section).items() if v != before[name]}

