"""The evolved settings of training and augmentation (Miikkulainen et al. 2017, table 1).

Variance normalisation, a choice in that table, is always on here. Saturation is scaled and not
shifted: a shift would colour what is grey. The learning rate lives on a log scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mpineat.config import Augment, Config, Evolution
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import Hyperparameters
from mpineat.genotype.settings import Floats, Integers, vary_reals

CHOICES = ("nesterov", "flip")
OF_TRAINING = ("learning_rate", "momentum", "nesterov")  # the others are the augmentation's


def ranges(evolution: Evolution) -> dict[str, tuple[Any, ...]]:
    """Return each setting's lowest and highest value, or its choices."""
    own = {name: getattr(evolution.ranges, name) for name in Hyperparameters._fields[1:]}
    return {"learning_rate": evolution.learning_rate, **own}


def applied(genes: Hyperparameters | None, config: Config) -> Config:
    """Return the configuration with the evolved settings in their options' places."""
    if genes is None:
        return config
    values = complete(genes, config)._asdict()
    training = {name: values.pop(name) for name in OF_TRAINING}
    # Where the training set is not multiplied, augmentation changes every image, as CoDeepNEAT's.
    values["originals"] = config.dataset.augment.originals or config.dataset.augment_copies == 1
    augment = config.dataset.augment.model_copy(update=values)
    return config.model_copy(
        update={
            "training": config.training.model_copy(update=training),
            "dataset": config.dataset.model_copy(update={"augment": augment}),
        }
    )


def complete(genes: Hyperparameters, config: Config) -> Hyperparameters:
    """Return the settings with those of the configuration where one is missing."""
    if None not in genes:
        return genes
    data = config.dataset
    idle = data.augment_copies == 1 and not data.augment.originals
    sections = (config.training, Augment(flip=False, shift=0.0) if idle else data.augment)
    return Hyperparameters(
        *[
            getattr(sections[name not in OF_TRAINING], name) if value is None else value
            for name, value in genes._asdict().items()
        ]
    )


def random_hyperparameters(evolution: Evolution, draws: Draws) -> Hyperparameters:
    """Return settings drawn from their ranges."""
    return hyperparameters_at([draws.uniform() for _ in Hyperparameters._fields], evolution)


def hyperparameters_at(shares: Sequence[float], evolution: Evolution) -> Hyperparameters:
    """Return the settings that lie at these shares of the ways through their ranges."""
    values: list[Any] = []
    for share, (name, range_) in zip(shares, ranges(evolution).items(), strict=True):
        if name in CHOICES:
            values.append(range_[min(int(share * len(range_)), len(range_) - 1)])
            continue
        low, high = _axis(name, range_)
        values.append(_value(name, min(low + share * (high - low), high), range_))
    return Hyperparameters(*values)


def vary_hyperparameters(
    genes: Sequence[Hyperparameters | None], config: Config, rng: np.random.Generator
) -> Sequence[Hyperparameters | None]:
    """Return the settings of many blueprints, each perturbed, replaced or left, by chance."""
    known = [complete(one, config) for one in genes if one is not None]
    if not known:  # they are all there or all missing (evolution.evolve_training)
        return genes
    rates = config.evolution.mutation
    varied: list[list[Any]] = []
    for (name, range_), column in zip(
        ranges(config.evolution).items(), zip(*known, strict=True), strict=True
    ):
        if name in CHOICES:
            redrawn = rng.random(len(known)) < rates.replace
            drawn = rng.integers(len(range_), size=len(known)).tolist()
            varied.append(
                [
                    range_[i] if new else old
                    for new, i, old in zip(redrawn, drawn, column, strict=True)
                ]
            )
            continue
        old = np.array([_place(name, value) for value in column])
        new = vary_reals(old, _axis(name, range_), rates, rng)
        varied.append(
            [
                value if a == b else _value(name, b, range_)
                for value, a, b in zip(column, old.tolist(), new.tolist(), strict=True)
            ]
        )
    return [Hyperparameters(*values) for values in zip(*varied, strict=True)]


def cross_hyperparameters(
    fitter: Hyperparameters | None, other: Hyperparameters | None, draws: Draws
) -> Hyperparameters | None:
    """Return settings each of which comes from either parent."""
    if fitter is None or other is None:
        draws.uniform()  # as ever: histories without evolved settings stay what they were
        return fitter
    values: list[Any] = [
        a if draws.uniform() < 0.5 else b for a, b in zip(fitter, other, strict=True)
    ]
    return Hyperparameters(*values)


def scaled(
    genes: Sequence[Hyperparameters | None], config: Config
) -> tuple[tuple[Floats, ...], tuple[Integers, ...]]:
    """Return the numbers, scaled to [0, 1], and the choices of many blueprints, for `distances`."""
    known = [complete(one, config) for one in genes if one is not None]
    if not known:  # a setting that all share
        return (np.zeros(len(genes)),), ()
    numbers, kinds = [], []
    for (name, range_), column in zip(
        ranges(config.evolution).items(), zip(*known, strict=True), strict=True
    ):
        if name in CHOICES:
            kinds.append(np.array(column, np.int64))
            continue
        low, high = _axis(name, range_)
        places = np.array([_place(name, value) for value in column]) - low
        numbers.append(places / (high - low) if high > low else places * 0.0)
    return tuple(numbers), tuple(kinds)


def described(genes: Hyperparameters) -> str:
    """Return the settings in words, for the page and the command line."""
    return ", ".join(
        name.replace("_", " ")
        + (f" {value:.3g}" if name not in CHOICES else f" {'on' if value else 'off'}")
        for name, value in genes._asdict().items()
        if value is not None
    )


def _axis(name: str, range_: tuple[float, ...]) -> tuple[float, float]:
    return _place(name, range_[0]), _place(name, range_[1])


def _place(name: str, value: float) -> float:
    return math.log(value) if name == "learning_rate" else value


def _value(name: str, place: float, range_: tuple[float, ...]) -> float:
    if name != "learning_rate":
        return place
    return min(max(math.exp(place), range_[0]), range_[1])
