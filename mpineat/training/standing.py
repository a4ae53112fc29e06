"""Where a training is, and all that it has to know to go on from there.

There is no state of random generators: the order of an epoch, augmentation, dropout and mixing are
functions of the seed and the number of the epoch, the step or the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from tensorflow import keras

from mpineat.errors import InputError
from mpineat.tasks import Epoch
from mpineat.training.average import Average
from mpineat.training.optimizer import Adam


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Between two steps of a training.

    Attributes:
        curve: The epochs that have ended.
        step: Steps done of the one behind them.
        loss, correct: Sums over the examples of these steps.
    """

    curve: tuple[Epoch, ...] = ()
    step: int = 0
    loss: float = 0.0
    correct: float = 0.0


class Standing:
    """What a training has learned so far, as arrays by name; the same on every version of Keras."""

    def __init__(self, model: keras.Model, adam: Adam, average: Average) -> None:
        """Refer to the values; nothing is copied yet."""
        self._variables = {
            **{f"weights/{number:04}": value for number, value in enumerate(model.weights)},
            **{f"moments/{number:04}": value for number, value in enumerate(adam.moments)},
        }
        self._sums = {f"sums/{number:04}": value for number, value in enumerate(average.sums)}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the values as they are now."""
        return {name: np.array(value) for name, value in self._sums.items()} | {
            name: np.asarray(value.numpy()) for name, value in self._variables.items()
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the values of another process's training of the same network.

        Raises:
            InputError: They are another network's.
        """
        mine = {name: array.shape for name, array in self.arrays().items()}
        if mine != {name: array.shape for name, array in arrays.items()}:
            raise InputError("the weights are another network's, or another version's of mpineat")
        for name, total in self._sums.items():
            total[...] = arrays[name]
        for name, variable in self._variables.items():
            variable.assign(arrays[name])


class Keeper(Protocol):
    """What writes places down, so that a training outlives its process."""

    def begin(self, standing: Standing) -> Place:
        """Return where to go on, `standing` restored to it; the beginning where nothing is kept."""

    def keep(self, place: Place) -> None:
        """Hear where the training is, every few seconds and at the end of every epoch.

        Raises:
            Stopped: The training is to end here; it is kept.
        """
