"""Structure learning: train with MorphNet's regulariser for about an epoch, then cut what it
found to be dead.

Gordon et al. 2018, algorithm 1; thesis, section 3. The narrower network comes back with the
record of how it came about. Its weights are new ones unless `compression.keep_weights` is on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from mpineat.config import Compression, Config
from mpineat.phenotype import budget
from mpineat.phenotype.channels import Block, ChannelPlan, Mask, plan_channels
from mpineat.phenotype.narrow import Narrowed, keep_alive, scale_widths
from mpineat.phenotype.network import CONVOLUTIONS, Network
from mpineat.tasks import Compressed
from mpineat.training import fit, survivors
from mpineat.training.model import build, kernels
from mpineat.training.morphnet import Regularizer, gamma_layers

_DENSE = 3.0
_RANDOM = 301  # a word of the random generators' keys (see data.py)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What one round of shrinking found.

    Attributes:
        model: The trained Keras model; None for a rule that needs no training.
    """

    before: Network
    narrowed: Narrowed
    model: Any = None
    dead_at_start: dict[str, float] = field(default_factory=dict)
    alive: tuple[tuple[int, int], ...] = ()
    step_seconds: float = 0.0


def compress(
    network: Network,
    data: Any,
    config: Config,
    *,
    seed: int,
    learning_rate: float,
    batch_size: int,
    deadline: float | None = None,
) -> Learned:
    """Learn the structure of `network` and return the compressed one.

    Args:
        data: The device-resident data set, as `fit.load` returned it.
        deadline: As `fit.train` takes it.

    Raises:
        Diverged: The loss became NaN or infinite.
        TooSlow: The deadline passed.
    """
    started = time.perf_counter()
    options = config.compression
    current = network
    rounds = []
    for number in range(options.iterations):
        train = partial(
            fit.train,
            data=data,
            epochs=options.epochs,
            seed=seed + number,
            batch_size=batch_size,
            learning_rate=learning_rate,
            training=config.training,
            deadline=deadline,
            validate=False,
        )
        rounds.append(_shrink(current, options, seed + number, train))
        current = rounds[-1].narrowed.network
        if options.width_multiplier > 1:
            current = scale_widths(current, options.width_multiplier)
    last = rounds[-1]
    weights, epochs = None, 0.0
    if last.model is not None and options.width_multiplier == 1:
        nothing_shrank = options.iterations == 1 and current == network
        if nothing_shrank or options.keep_weights:
            weights = survivors.weights(last.model, last.before, last.narrowed)
        epochs = options.epochs if nothing_shrank else 0.0
    return Learned(
        network=current,
        record=_record(network, current, rounds),
        seconds=time.perf_counter() - started,
        weights=weights,
        epochs=epochs,
    )


def _shrink(
    network: Network, options: Compression, seed: int, train: Callable[..., fit.History]
) -> _Round:
    plan = plan_channels(
        network, options.mode, target=options.target, sources=_sources(network, options)
    )
    if options.rule == "uniform":
        counts = budget.uniform(plan, options.target_flops)
        return _Round(
            before=network,
            narrowed=_narrow(network, plan, budget.strongest(plan, counts), {}, options),
        )
    if options.rule == "random":
        scores = np.random.default_rng([seed, _RANDOM]).random(plan.groups)
        alive = budget.ranked(plan, scores, options.target_flops, min_width=options.min_width)
        return _Round(before=network, narrowed=_narrow(network, plan, alive, {}, options))

    model = build(network, seed)
    variables = kernels(model, network)
    regularizer = Regularizer(plan, network)
    start = regularizer.norms(variables).numpy()
    thresholds = regularizer.thresholds(start, options.alive_threshold, options.threshold_mode)
    points = [(0, _filters(plan, regularizer.alive(start, thresholds)))]

    def note(step: int) -> None:
        points.append(
            (
                step,
                _filters(plan, regularizer.alive(regularizer.norms(variables).numpy(), thresholds)),
            )
        )

    history = train(
        model,
        penalty=_penalty(regularizer, model, network, variables, thresholds, options),
        on_chunk=note,
    )
    norms = regularizer.norms(variables).numpy()
    if options.rule == "threshold":
        alive = regularizer.alive(norms, thresholds)
    else:
        alive = _within_budget(network, plan, regularizer, start, norms, options)
    return _Round(
        before=network,
        narrowed=_narrow(network, plan, alive, regularizer.by_layer(norms), options),
        model=model,
        dead_at_start=_dead(plan, regularizer.alive(start, thresholds)),
        alive=tuple(points),
        step_seconds=history.step_seconds,
    )


def _sources(network: Network, options: Compression) -> frozenset[str] | None:
    """Return the layers that may be narrowed; None for all."""
    sources = gamma_layers(network)
    if sources is None and options.convolutions_only:
        sources = frozenset(layer.name for layer in network.layers if layer.op in CONVOLUTIONS)
    return sources


def _penalty(
    regularizer: Regularizer,
    model: Any,
    network: Network,
    variables: Mapping[str, Any],
    thresholds: np.ndarray,
    options: Compression,
) -> Callable[[], Any] | None:
    if options.strength == 0:
        return None
    if options.backend == "morph_net":
        from mpineat.training import morphnet_backend  # imports a package that few have

        return morphnet_backend.penalty(model, network, options.alive_threshold, options.strength)
    return regularizer.penalty(
        variables, thresholds, options.strength / regularizer.plan.full_cost()
    )


def _within_budget(
    network: Network,
    plan: ChannelPlan,
    regularizer: Regularizer,
    start: np.ndarray,
    norms: np.ndarray,
    options: Compression,
) -> Mask:
    relative = norms / np.maximum(regularizer.thresholds(start, 1.0, "relative_to_init"), 1e-12)
    scores = np.asarray(regularizer.grouped(relative))
    importance = np.array([_DENSE if _is_dense(network, block) else 1.0 for block in plan.blocks])
    counts = budget.allot(
        plan, importance, options.target_flops, exponent=1.0, min_width=options.min_width
    )
    return budget.strongest(plan, counts, scores)


def _is_dense(network: Network, block: Block) -> bool:
    return all(network[name].op == "dense" for name in block.layers)


def _narrow(
    network: Network,
    plan: ChannelPlan,
    alive: Mask,
    norms: Mapping[str, np.ndarray],
    options: Compression,
) -> Narrowed:
    return keep_alive(
        network,
        {name: plan.alive(name, alive) for name in plan.outputs},
        empty_layer=options.empty_layer,
        strength=norms,
        round_to=options.round_widths_to,
    )


def _filters(plan: ChannelPlan, alive: Mask) -> int:
    """Return the number of alive filters and units."""
    return int(plan.outgoing.alive(alive).sum())


def _dead(plan: ChannelPlan, alive: Mask) -> dict[str, float]:
    return {
        name: 1.0 - float(plan.alive(name, alive).mean())
        for name in plan.outputs
        if name not in plan.protected
    }


def _record(before: Network, after: Network, rounds: list[_Round]) -> Compressed:
    left = {layer.name: layer.width for layer in after.layers}
    widths = {
        layer.name: (layer.width, left.get(layer.name) or 0)
        for layer in before.layers
        if layer.width is not None
    }
    points: list[tuple[int, int]] = []
    for done in rounds:
        offset = points[-1][0] if points else 0
        points.extend((offset + step, count) for step, count in done.alive)
    return Compressed(
        dead_at_start=rounds[0].dead_at_start,
        alive=tuple(points),
        widths=widths,
        step_seconds=(rounds[0].step_seconds, 0.0),
        removed=tuple(name for done in rounds for name in done.narrowed.removed),
    )
