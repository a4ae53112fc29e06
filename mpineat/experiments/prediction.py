"""The speed-up that the thesis predicts from measured costs (Nikulenkov 2022, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mpineat.tasks import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """speedup = (c n + d) / (c k + (c n + d) / a^k); a gain when 1 / a^k < 1 - c k / (c n + d).

    Attributes:
        epochs: n, of training.
        shrinking_epochs: k, of structure learning.
        shrinking: a, the factor by which one such epoch divides the population's flops.
        train_cost: c, seconds of one training epoch for one flop of the network's forward pass.
        evaluate_cost: d, seconds of all validation in one training for one flop.
    """

    epochs: float
    shrinking_epochs: float
    shrinking: float
    train_cost: float
    evaluate_cost: float

    @property
    def kept(self) -> float:
        """1 / a^k: the share of the flops that is left."""
        return float(self.shrinking**-self.shrinking_epochs)

    @property
    def bound(self) -> float:
        """1 - c k / (c n + d): there is a gain exactly when `kept` is below it."""
        return 1 - self.train_cost * self.shrinking_epochs / self._full

    @property
    def speed_up(self) -> float:
        """Time of evaluating a population without compression over the time with it."""
        return self._full / (self.train_cost * self.shrinking_epochs + self._full * self.kept)

    @property
    def gain(self) -> bool:
        """Whether the gain condition holds."""
        return self.kept < self.bound

    @property
    def _full(self) -> float:
        return self.train_cost * self.epochs + self.evaluate_cost


def predict(
    plain: Iterable[Outcome],
    compressed: Iterable[Outcome],
    *,
    epochs: float,
    shrinking_epochs: float,
) -> Prediction | None:
    """Measure a on the compressed outcomes, c and d on the plain ones, and predict.

    c and d come from the compressed outcomes, at the flops that their training had, where there
    are no plain ones.
    Outcomes that failed or repeat an earlier training have no cost of their own and are left out.

    Returns:
        None when nothing was compressed or no time was measured (a dry run measures none).
    """
    shrunk = [
        o for o in compressed if is_trained(o) and o.compressed is not None and o.flops_after > 0
    ]
    timed = [o for o in plain if is_trained(o)] or shrunk
    flops = sum(outcome.flops_after for outcome in timed)
    train_seconds = sum(outcome.seconds.stages.get("train", 0.0) for outcome in timed)
    if not shrunk or not flops or not train_seconds:
        return None
    ratio = sum(o.flops_before for o in shrunk) / sum(o.flops_after for o in shrunk)
    return Prediction(
        epochs=epochs,
        shrinking_epochs=shrinking_epochs,
        shrinking=ratio ** (1 / shrinking_epochs),
        train_cost=train_seconds / (epochs * flops),
        evaluate_cost=sum(o.seconds.stages.get("evaluate", 0.0) for o in timed) / flops,
    )


def is_trained(outcome: Outcome) -> bool:
    """Whether this outcome cost a training of its own that ended well."""
    return outcome.status == "ok" and outcome.reused_from is None
