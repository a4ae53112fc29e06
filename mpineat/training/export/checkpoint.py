"""The checkpoint of a final training, beside the model to be: a killed export goes on from it.

It is sealed as the files of generations are, and written whole or not at all.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mpineat import units
from mpineat.cluster.stop import Stop
from mpineat.config import Config
from mpineat.config.difference import changes_outcomes, flat
from mpineat.errors import InputError, Stopped
from mpineat.phenotype.network import Network
from mpineat.store import directory, hdf5
from mpineat.tasks import Epoch
from mpineat.training.standing import Place, Standing

FORM = "mpineat-checkpoint"
VERSION = 1
# The first checkpoint is written behind the first epoch; another when so much has been trained that
# the one before took no more than a fiftieth of it, and so many seconds at least.
SHARE, SHORTEST_SECONDS = 50, 30.0
_SECTIONS = ("dataset", "training", "recipe")
_NAMED = 5  # differences that are told

log = logging.getLogger("mpineat")

Asked = Mapping[str, str]  # what tells one final training from another, as people call it


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What was kept.

    Attributes:
        asked: What the training was asked for.
        epochs: That it was to have; with --minutes only the training itself knew.
        seconds: That it had taken.
        devices: That shared its batches; a number more for each time that a resume changed it.
        arrays: What was learned, as Standing has it.
    """

    asked: Asked
    network: Network
    epochs: int
    seconds: float
    devices: tuple[int, ...]
    place: Place
    arrays: Mapping[str, np.ndarray]


def path_of(output: Path) -> Path:
    """Return where the checkpoint of an export to `output` lies."""
    return output.with_name(f"{output.name}.checkpoint")


def asked_for(config: Config, digest: str, words: Mapping[str, object]) -> Asked:
    """Return what makes a final training the same one.

    Args:
        digest: Of the images.
        words: Of the command line and the run, by what people call them; None where nothing was
            said.
    """
    options = {
        name: json.dumps(value)
        for name, value in flat(config).items()
        if name.partition(".")[0] in _SECTIONS and changes_outcomes(name)
    }
    said = {name: str(value) for name, value in words.items() if value is not None}
    return {**said, "images": digest, **options}


class Keeping:
    """Keeps one final training, and goes on with what is kept of it."""

    def __init__(self, output: Path, asked: Asked, stop: Stop) -> None:
        """Look for nothing yet."""
        self.path, self._asked, self._stop = path_of(output), asked, stop
        self.found: Checkpoint | None = None
        self._standing: Standing | None = None
        self._network: Network | None = None
        self._epochs = 0
        self.devices: tuple[int, ...] = (1,)
        self._began = self._written = time.monotonic()
        self._pause = 0.0

    def find(self, *, resume: bool) -> Checkpoint | None:
        """Return what is kept of the training; None where it begins.

        Raises:
            InputError: There is a checkpoint, of another training, damaged, or nobody said
                `resume`.
            StorageError: It cannot be read now.
        """
        if not self.path.exists():
            return None
        if not resume:
            raise InputError(
                f"{self.path}: a training to this output was not ended; --resume goes on with it, "
                "without the file another begins"
            )
        try:
            self.found = _read(self.path)
        except hdf5.Damaged as error:
            raise hdf5.Damaged(f"{error}; remove it to begin anew") from error
        if wrong := list(_differences(self.found.asked, self._asked)):
            more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
            raise InputError(
                f"{self.path}: of another training: {'; '.join(wrong[:_NAMED])}{more}; ask for the "
                "same, name another output, or remove the file to begin anew"
            )
        return self.found

    def expect(self, network: Network, epochs: int, devices: int = 1) -> None:
        """Hear what is trained, before it is."""
        self._network, self._epochs = network, epochs
        before = () if self.found is None else self.found.devices
        self.devices = before if before[-1:] == (devices,) else (*before, devices)
        self._began = self._written = time.monotonic()

    @property
    def seconds(self) -> float:
        """Of the training so far, those of earlier processes too."""
        before = 0.0 if self.found is None else self.found.seconds
        return before + time.monotonic() - self._began

    def begin(self, standing: Standing) -> Place:
        """Restore what is kept."""
        self._standing = standing
        if self.found is None:
            return Place()
        try:
            standing.restore(self.found.arrays)
        except InputError as error:
            raise InputError(f"{self.path}: {error}; remove it to begin anew") from error
        place = self.found.place
        log.info(
            "goes on from %s: %s of %d and %s, %s trained",
            self.path,
            units.plural(len(place.curve), "epoch"),
            self._epochs,
            units.plural(place.step, "step"),
            units.duration(self.found.seconds),
        )
        if len(self.devices) > len(self.found.devices):
            log.warning(
                "it was trained on %s, and goes on on %d: its weights will not be those of no stop",
                units.plural(self.found.devices[-1], "device"),
                self.devices[-1],
            )
        self._pause = SHORTEST_SECONDS
        return place

    def keep(self, place: Place) -> None:
        """Write the place down where it is time, or where the job is to end."""
        reason = self._stop.reason()
        due = time.monotonic() - self._written >= max(self._pause, SHORTEST_SECONDS)
        first = place.curve and not self._pause
        if reason or due or first:
            self.write(place)
        if reason:
            raise Stopped(
                f"stopped in epoch {len(place.curve) + 1} of {self._epochs} by {reason}: the "
                f"training is kept in {self.path}, the same command with --resume goes on"
            )

    def end(self, place: Place) -> None:
        """Hear that the training has ended: what took so long is not lost to a full disk."""
        if self.path.exists():
            self.write(place)

    def write(self, place: Place) -> None:
        """Write the checkpoint, whole or not at all.

        Raises:
            StorageError: It cannot be written; the one before is as it was.
        """
        assert self._standing is not None
        assert self._network is not None
        began = time.monotonic()
        attributes: dict[str, str | int | float | bool] = {
            "checkpoint_version": VERSION,
            "epochs": self._epochs,
            "seconds": self.seconds,
            "devices": " ".join(map(str, self.devices)),
            "step": place.step,
            "loss": place.loss,
            "correct": place.correct,
        }
        arrays = {
            **self._standing.arrays(),
            "asked": _text(self._asked),
            "network": _text(self._network.to_json()),
            "curve": _text([asdict(point) for point in place.curve]),
        }
        directory.write_durably(self.path, hdf5.pack(attributes, arrays, FORM)[0])
        self._written = time.monotonic()
        self._pause = max(SHORTEST_SECONDS, SHARE * (self._written - began))

    def forget(self) -> None:
        """Remove the checkpoint: the model is written."""
        with directory.storage_errors(self.path):
            self.path.unlink(missing_ok=True)


def _read(path: Path) -> Checkpoint:
    attributes, arrays = hdf5.unpack(path, form=FORM)
    arrays = dict(arrays)
    try:
        if attributes["checkpoint_version"] != VERSION:
            raise ValueError(f"version {attributes['checkpoint_version']}")
        asked = json.loads(arrays.pop("asked").tobytes())
        network = Network.from_json(json.loads(arrays.pop("network").tobytes()))
        curve = tuple(Epoch(**point) for point in json.loads(arrays.pop("curve").tobytes()))
        place = Place(
            curve=curve,
            step=int(attributes["step"]),
            loss=float(attributes["loss"]),
            correct=float(attributes["correct"]),
        )
        return Checkpoint(
            asked={str(name): str(value) for name, value in asked.items()},
            network=network,
            epochs=int(attributes["epochs"]),
            seconds=float(attributes["seconds"]),
            devices=tuple(map(int, str(attributes.get("devices", "1")).split())),
            place=place,
            arrays=arrays,
        )
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: its seal is right, but it is no checkpoint of this mpineat: {error}; remove "
            "it to begin anew"
        ) from error


def _differences(kept: Asked, asked: Asked) -> list[str]:
    names = dict.fromkeys((*asked, *kept))
    return [
        f"{name}: {kept.get(name, 'not set')} is kept, {asked.get(name, 'not set')} asked for"
        for name in names
        if kept.get(name) != asked.get(name)
    ]


def _text(value: Any) -> np.ndarray:
    """Return a value as the bytes of its JSON: HDF5's attributes end at 64 kB."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)
