"""One evaluation on its way through its stages, and what a stage is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tensorflow import keras

from mpineat.cluster import awake
from mpineat.config import Config
from mpineat.phenotype import cost
from mpineat.phenotype.network import Network
from mpineat.tasks import Epoch, Seconds, Task
from mpineat.training.compression.structure import Learned
from mpineat.training.device_data import DeviceData
from mpineat.training.fit import History
from mpineat.training.scores import Counts

# Of a confusion matrix; a larger one, of a thousand classes, would fill the message.
CLASSES_AT_MOST, CELLS_AT_MOST = 1000, 20_000


class Stage(Protocol):
    """One step of an evaluation.

    A stage that an option adds may also have an attribute `before`, the name of the built-in stage
    that it runs before; without it that is "train".
    """

    @property
    def name(self) -> str:
        """As the registry knows it."""

    @property
    def seconds(self) -> tuple[str, ...]:
        """Names of the seconds that it spends, in order; () where they are not worth a name."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """Every reason of a Failure that it or its callbacks raise -> whose fault that is."""

    def run(self, evaluation: Evaluation) -> None:
        """Go on from what earlier stages left in `evaluation`, and leave the result there.

        Raises:
            Failure: The candidate comes to nothing.
        """


class Evaluation:
    """What the stages of one evaluation share; keeps what was found out also when one fails.

    Attributes:
        config: The options, the candidate's own settings in their places.
        data: Augmented by those settings.
        batch_size, deadline: Of every training; the deadline on the clock awake.seconds().
        networks: As the candidate was born, then as each stage that changed it left it.
        learned: What structure learning returned; None without it.
        start: As in tasks.Outcome.
        weights: That replace drawn ones, named as in model.variables; None: none do.
        weights_folder: Where files of weights lie.
        weights_left: The file that the trained weights were left in; "": none.
        model: The Keras model of the last network; None until it is built.
        on_epoch: Are called with every epoch of the training; may raise Failure, like a stage.
        curve: The epochs so far.
        history: None until the training has ended.
    """

    def __init__(
        self,
        task: Task,
        config: Config,
        data: DeviceData,
        *,
        input_shape: tuple[int, int, int],
        classes: int,
        names: Iterable[str],
        weights_folder: Path,
    ) -> None:
        """Begin; `names` are those of all stages' seconds, in order."""
        self.task, self.config, self.data = task, config, data
        self.input_shape, self.classes = input_shape, classes
        self.batch_size = task.batch_size or config.training.batch_size
        self._started, self._clock = time.time(), awake.seconds()
        # The limit is the search's; a final has other epochs, and what came so far is worth them.
        minutes = None if "epochs" in task.context else config.training.max_minutes
        self.deadline = None if minutes is None else self._clock + 60 * minutes
        self.networks: list[Network] = []
        self.learned: Learned | None = None
        self.start = "new"
        self.weights: Mapping[str, np.ndarray] | None = None
        self.weights_folder, self.weights_left = weights_folder, ""
        self.model: keras.Model | None = None
        self.on_epoch: list[Callable[[Epoch], None]] = []
        self.curve: list[Epoch] = []
        self.history: History | None = None
        self._seconds = dict.fromkeys(names, 0.0)

    def spend(self, **seconds: float) -> None:
        """Add to the named seconds, where a stage measures better than by its wall time."""
        for name, value in seconds.items():
            self._seconds[name] += value

    def go_through(self, stage: Stage) -> None:
        """Run `stage`; its wall time is its first name's, unless it spent seconds by itself.

        Raises:
            Failure: As the stage raises it.
        """
        clock, spent = awake.seconds(), dict(self._seconds)
        try:
            stage.run(self)
        finally:
            if stage.seconds and self._seconds == spent:
                self._seconds[stage.seconds[0]] += awake.seconds() - clock

    def found(self) -> dict[str, Any]:
        """Return the fields of the Outcome that are known."""
        values: dict[str, Any] = {
            "started": self._started,
            "curve": tuple(self.curve),
            "start": self.start,
            "weights": self.weights_left,
            "seconds": Seconds(total=awake.seconds() - self._clock, stages=dict(self._seconds)),
        }
        if self.networks:
            for when, network in (("before", self.networks[0]), ("after", self.networks[-1])):
                values[f"network_{when}"] = network.to_json()
                values[f"flops_{when}"] = cost.flops(network)
                values[f"parameters_{when}"] = cost.parameters(network)
        if self.learned is not None:
            warm = self.history.step_seconds if self.history is not None else 0.0
            record = self.learned.record
            values["compressed"] = replace(record, step_seconds=(record.step_seconds[0], warm))
        if self.history is not None and not self.task.stop_after:
            last = self.history.curve[-1]
            values |= {"accuracy": last.val_accuracy, "metric": last.val_metric}
            values |= {"loss": last.val_loss, "confusion": _cells(self.history.confusion)}
        return values


def _cells(confusion: Counts | None) -> tuple[tuple[int, int, int], ...]:
    """Return (label, taken for, images) of what occurred; () of a matrix that is too large."""
    if confusion is None or len(confusion) > CLASSES_AT_MOST:
        return ()
    rows, columns = np.nonzero(confusion)
    if len(rows) > CELLS_AT_MOST:
        return ()
    images = confusion[rows, columns]
    return tuple(zip(rows.tolist(), columns.tolist(), images.tolist(), strict=True))
