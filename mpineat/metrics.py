"""Metrics: what validation measures and fitness is made of, by name (training/scores.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

Name = Literal["accuracy", "balanced_accuracy", "macro_f1", "auc"]  # of training.metric
ACCURACY: Final = "accuracy"
TITLES: Mapping[str, str] = {  # in sentences and headings
    ACCURACY: "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auc": "AUC",
}


def constant_answer(metric: str, classes: int) -> float:
    """Return about what a network reaches that answers every image alike, of equal classes."""
    return 0.5 if metric == "auc" else 1 / classes
