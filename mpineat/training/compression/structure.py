"""Structure learning: the network that a candidate is trained as, from the one it was born as.

Gordon et al. 2018, algorithm 1: rounds of shrinking and, where asked, widening; thesis, section
3. The narrower network comes back with the record of how it came about. It starts from new
weights unless `compression.keep_weights` is on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpineat.cluster import awake
from mpineat.config import Config
from mpineat.phenotype.narrow import scale_widths
from mpineat.phenotype.network import Network
from mpineat.tasks import Compressed
from mpineat.training.compression import survivors
from mpineat.training.compression.shrinking import Round, Settings, shrink
from mpineat.training.device_data import DeviceData


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What structure learning returns.

    Attributes:
        seconds: Wall time that it took.
        weights: Weights to start the training from, as `model.build` takes them; None for new ones.
        epochs: Epochs of training behind `weights`. Above 0 only where nothing shrank: the
            training can go on from there instead of beginning again.
    """

    network: Network
    record: Compressed
    seconds: float
    weights: dict[str, np.ndarray] | None = None
    epochs: float = 0.0


def compress(
    network: Network,
    data: DeviceData,
    config: Config,
    *,
    seed: int,
    batch_size: int,
    deadline: float | None = None,
) -> Learned:
    """Learn the structure of `network` and return the compressed one.

    Args:
        deadline: On the clock awake.seconds().

    Raises:
        Diverged: The loss became NaN or infinite.
        TooSlow: The deadline passed.
    """
    started = awake.seconds()
    options = config.compression
    current = network
    rounds: list[Round] = []
    for number in range(options.iterations):
        settings = Settings(
            options=options,
            data=data,
            training=config.training,
            seed=seed + number,
            batch_size=batch_size,
            deadline=deadline,
        )
        rounds.append(shrink(current, settings))
        current = rounds[-1].narrowed.network
        if options.width_multiplier > 1:
            current = scale_widths(current, options.width_multiplier)
    unchanged = len(rounds) == 1 and current == network and rounds[0].model is not None
    kept = unchanged or (options.keep_weights and options.width_multiplier == 1)
    return Learned(
        network=current,
        record=_record(network, current, rounds),
        seconds=awake.seconds() - started,
        weights=_weights(rounds[-1]) if kept else None,
        epochs=options.epochs if unchanged else 0.0,
    )


def _weights(last: Round) -> dict[str, np.ndarray] | None:
    if last.model is None:
        return None
    return survivors.weights(last.model, last.before, last.narrowed)


def _record(before: Network, after: Network, rounds: list[Round]) -> Compressed:
    left = {layer.name: layer.width for layer in after.layers}
    points: list[tuple[int, int]] = []
    for done in rounds:
        offset = points[-1][0] if points else 0
        points.extend((offset + step, count) for step, count in done.alive)
    return Compressed(
        dead_at_start=rounds[0].dead_at_start,
        alive=tuple(points),
        widths={
            layer.name: (layer.width, left.get(layer.name) or 0)
            for layer in before.layers
            if layer.width is not None
        },
        step_seconds=(rounds[0].step_seconds, 0.0),
        removed=tuple(name for done in rounds for name in done.narrowed.removed),
    )
