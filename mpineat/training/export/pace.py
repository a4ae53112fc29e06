"""What a final training says while it goes on, and how many epochs there is time for."""

from __future__ import annotations

import logging
import time

from mpineat import units
from mpineat.config import Config
from mpineat.phenotype.network import Network
from mpineat.tasks import Epoch
from mpineat.training import fit, model
from mpineat.training.device_data import DeviceData
from mpineat.training.devices import ONE, Devices

SHORTEST_SECONDS = 10.0  # between two lines,
SHARE = 20  # and a twentieth of the time so far: an hour has few lines more than a minute
TRIAL_STEPS = 20

log = logging.getLogger("mpineat")


class Pace:
    """Says where the training is and what is left of it."""

    def __init__(self, epochs: int, steps_an_epoch: int) -> None:
        """Begin; the pace is measured from the first call on, behind the building."""
        self._epochs, self._steps_an_epoch = epochs, steps_an_epoch
        self._first: tuple[float, int] | None = None
        self._told = time.monotonic()
        self._done = 0

    def step(self, done: int) -> None:
        """Hear that so many steps are done."""
        now, self._done = time.monotonic(), done
        if self._first is None:
            self._first = now, done
        # The end of an epoch says more; one that takes long is not waited for.
        if done % self._steps_an_epoch and self._is_time(now, patience=3.0):
            self._tell(f"epoch {done // self._steps_an_epoch + 1} of {self._epochs}")

    def epoch(self, point: Epoch) -> None:
        """Hear that an epoch has ended."""
        if not self._is_time(time.monotonic()) and point.epoch < self._epochs:
            return
        told = f"epoch {point.epoch} of {self._epochs}: loss {point.loss:.4f}, accuracy "
        told += units.accuracy(point.accuracy)
        if point.val_loss == point.val_loss:  # NaN where nothing is validated
            told += f", validation accuracy {units.accuracy(point.val_accuracy)}"
        self._tell(told)

    def _is_time(self, now: float, patience: float = 1.0) -> bool:
        began = self._first[0] if self._first is not None else now
        return now - self._told >= patience * max(SHORTEST_SECONDS, (now - began) / SHARE)

    def _tell(self, text: str) -> None:
        self._told = time.monotonic()
        left = self._epochs * self._steps_an_epoch - self._done
        if left and self._first is not None and self._done > self._first[1]:
            began, first = self._first
            seconds = left * (self._told - began) / (self._done - first)
            text += f", {units.duration(seconds)} left"
        log.info("%s", text)


def epochs_within(
    minutes: float,
    network: Network,
    config: Config,
    data: DeviceData,
    *,
    seed: int,
    validate: bool,
    devices: Devices = ONE,
) -> int:
    """Return how many epochs fit into `minutes`, at least one; tried on a model of its own.

    Raises:
        Diverged: The loss became NaN or infinite.
    """
    began = time.monotonic()
    batch_size = min(config.training.batch_size, data.train_examples)
    steps_an_epoch = -(-data.train_examples // batch_size)
    with devices.holding():
        tried = model.build(network, seed, portable=False)
    history = fit.train(
        tried,
        data,
        epochs=min(1.0, TRIAL_STEPS / steps_an_epoch),
        seed=seed,
        batch_size=batch_size,
        training=config.training,
        recipe=config.recipe,
        validate=validate,
        devices=devices,
    )
    epoch_seconds = steps_an_epoch * history.step_seconds + history.evaluate_seconds
    # The training itself will be traced once more.
    left = 60 * minutes - (time.monotonic() - began) - history.build_seconds
    epochs = max(1, int(left / epoch_seconds))
    log.info(
        "%s of %s took %.1f ms each: %s in %g min",
        units.plural(history.steps, "step"),
        units.plural(batch_size, "image"),
        1000 * history.step_seconds,
        units.plural(epochs, "epoch"),
        minutes,
    )
    if left < epoch_seconds:
        log.warning("--minutes %g: not even one epoch fits; one is trained", minutes)
    return epochs
