"""Early discarding: which networks of a generation are trained in full, and what the others count.

All are trained for the first epochs alone, and the best by validation loss then in full, from the
start again. The loss after one epoch ranks networks about as well as their accuracy after many
(successive halving with one rung; Jamieson and Talwalkar 2016, Egele et al. 2024).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from mpineat import units
from mpineat.config import Config
from mpineat.tasks import Outcome

# After 27 and 54 steps the validation losses of CIFAR-10's networks hardly told which would be the
# better ones in the end, after 67 they did (docs/measurements.md).
STEPS = 60


def settled(config: Config, examples: int) -> Config:
    """Return `config` with the epochs of the screen, as few as have STEPS steps if not chosen.

    Args:
        examples: That there are to train on, without augmented copies.
    """
    if config.evolution.screen_epochs is not None:
        return config
    examples *= config.dataset.augment_copies
    steps_an_epoch = math.ceil(examples / min(config.training.batch_size, examples))
    epochs = math.ceil(STEPS / steps_an_epoch)
    evolution = config.evolution.model_copy(update={"screen_epochs": epochs})
    return config.model_copy(update={"evolution": evolution})


def epochs(config: Config) -> int:
    """Return the epochs after which networks are judged; 0 where all are trained in full.

    Args:
        config: As it was settled for the data set.
    """
    chosen = config.evolution.screen_epochs or 1
    shortens = chosen < config.training.epochs
    return chosen if config.evolution.early_discarding == "screen" and shortens else 0


def work(config: Config) -> float:
    """Return the epochs that a candidate takes on average, in multiples of a full training."""
    first = epochs(config)
    return first / config.training.epochs + config.evolution.screen_share if first else 1.0


def described(config: Config) -> str:
    """Return "all but the best 33 % of a generation, after 1 epoch"."""
    share = units.share(config.evolution.screen_share)
    return (
        f"all but the best {share} of a generation, after {units.plural(epochs(config), 'epoch')}"
    )


def loss(outcome: Outcome, config: Config) -> float:
    """Return the validation loss after the epochs of the screen; infinite where there is none."""
    curve = outcome.curve[: epochs(config)]
    found = curve[-1].val_loss if curve else math.inf
    return math.inf if math.isnan(found) else found


def passing(outcomes: Collection[Outcome], config: Config) -> frozenset[int]:
    """Return the candidates that are trained in full: the best share of the different networks.

    Args:
        outcomes: Of a whole generation; those of networks that are trained already take their
            places too.
    """
    judged: dict[tuple[float, int, str], set[int]] = {}
    for outcome in outcomes:
        if outcome.status != "failed":
            key = loss(outcome, config), outcome.flops_after, outcome.network_hash
            judged.setdefault(key, set()).add(outcome.candidate)
    places = math.ceil(config.evolution.screen_share * len(judged))
    best = sorted(judged)[:places]
    return frozenset(candidate for key in best for candidate in judged[key])


class Window:
    """The screen of a search that never waits: compares with those that came last."""

    def __init__(self, config: Config, outcomes: Collection[Outcome]) -> None:
        """Begin with the last ones of `outcomes`, in the order of their arrival."""
        self._config = config
        self._losses: deque[float] = deque(maxlen=config.evolution.candidates)
        for outcome in outcomes:
            if outcome.status != "failed":
                self.passes(outcome)

    def passes(self, outcome: Outcome) -> bool:
        """Return whether a network is among the best share of the last ones, itself included."""
        own = loss(outcome, self._config)
        self._losses.append(own)
        better = sum(other < own for other in self._losses)
        return better < self._config.evolution.screen_share * len(self._losses)


def estimated(outcomes: Sequence[Outcome], config: Config) -> tuple[Outcome, ...]:
    """Return the outcomes of a generation, the discarded ones with an estimated fitness.

    The estimate lies on a falling line through those that were trained in full: fitness against
    the loss at the screen. It is never below what the network had reached there, nor above the best
    one that was trained in full.
    """
    full = [(loss(o, config), o.fitness) for o in outcomes if o.fitness is not None]
    known = [(x, y) for x, y in full if math.isfinite(x)]
    highest = max((fitness for _, fitness in full), default=1.0)
    slope, height = _falling_line(known)
    found = []
    for outcome in outcomes:
        if outcome.status == "discarded":
            own, reached = loss(outcome, config), outcome.curve[-1].fitness
            value = height + slope * own if math.isfinite(own) else reached
            outcome = replace(outcome, estimate=min(highest, max(reached, value)))
        found.append(outcome)
    return tuple(found)


def _falling_line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return slope and height of the least-squares line; (0, 0) where none falls."""
    if len({x for x, _ in points}) < 2:
        return 0.0, 0.0
    xs, ys = np.array(points).T
    slope, height = np.polyfit(xs, ys, 1)
    return (float(slope), float(height)) if slope < 0 else (0.0, 0.0)
