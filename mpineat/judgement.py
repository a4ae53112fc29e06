"""Whether what an outcome was judged by says one thing; whoever takes one in asks."""

from __future__ import annotations

from mpineat.tasks import Outcome


def judgement_problem(outcome: Outcome) -> str:
    """Return what contradicts itself in how an outcome was judged, "" where nothing does."""
    if outcome.accuracy is None and (outcome.metric is not None or outcome.confusion):
        return "it has a metric or a confusion matrix, but no accuracy"
    if len({cell[:2] for cell in outcome.confusion}) < len(outcome.confusion):
        return "a cell of its confusion matrix is there twice"
    if len({point.val_metric is None for point in outcome.curve}) > 1:
        return "some epochs have a metric, others have none"
    by_epoch = {outcome.curve[-1].val_metric is None} if outcome.curve else set()
    if outcome.accuracy is not None and by_epoch - {outcome.metric is None}:
        return "its metric and its epochs' do not agree"
    return ""
