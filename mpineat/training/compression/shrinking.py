"""One round of shrinking: train for a while with MorphNet's regulariser, then decide what stays.

The rules: `threshold` keeps the filters whose norm is above a threshold (Gordon et al. 2018).
`budget` shares the flops that the whole network may cost among the layers by their Taylor
importance, `elastic` shares them by cost and width alone. `uniform` and `random` are baselines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mpineat import config
from mpineat.phenotype import budget
from mpineat.phenotype.channels import ChannelPlan, Mask, plan_channels
from mpineat.phenotype.narrow import Narrowed, keep_alive
from mpineat.phenotype.network import CONVOLUTIONS, Network
from mpineat.training import fit, model
from mpineat.training.compression.importance import taylor
from mpineat.training.compression.penalty import Penalty
from mpineat.training.compression.regularizer import Regularizer, gamma_layers
from mpineat.training.device_data import DeviceData

_RANDOM = 301  # a word of the random generators' keys (see data.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a round learns from and how."""

    options: config.Compression
    data: DeviceData
    training: config.Training
    seed: int
    batch_size: int
    deadline: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round of shrinking found.

    Attributes:
        before: The network that it began with.
        model: The trained Keras model of that network; None for a rule that needs no training.
        dead_at_start, alive: As in tasks.Compressed.
        step_seconds: Of a warm training step of `before`; 0 without training.
    """

    before: Network
    narrowed: Narrowed
    model: Any = None
    dead_at_start: dict[str, float] = field(default_factory=dict)
    alive: tuple[tuple[int, int], ...] = ()
    step_seconds: float = 0.0


def shrink(network: Network, settings: Settings) -> Round:
    """Run one round.

    Raises:
        Diverged: The loss became NaN or infinite.
        TooSlow: The deadline passed.
    """
    if not settings.options.learns:
        plan = _decided_plan(network, settings.options)
        alive = _untrained(network, plan, settings)
        return Round(before=network, narrowed=_narrow(network, plan, alive, {}, settings.options))
    return _learn(network, settings)


def _learn(network: Network, settings: Settings) -> Round:
    options = settings.options
    built = model.build(network, settings.seed, portable=False)
    kernels = model.kernels(built, network)
    charged = plan_channels(
        network, options.mode, target=options.target, sources=_sources(network, options)
    )
    regularizer = Regularizer(charged, network, options.target)
    start = regularizer.norms(kernels).numpy()
    thresholds = regularizer.thresholds(start, options.alive_threshold, options.threshold_mode)

    def alive_now() -> Mask:
        return regularizer.alive(regularizer.norms(kernels).numpy(), thresholds)

    at_start = alive_now()
    points = [(0, _filters(charged, at_start))]
    step_seconds = 0.0
    if options.epochs > 0:
        history = fit.train(
            built,
            settings.data,
            epochs=options.epochs,
            seed=settings.seed,
            batch_size=settings.batch_size,
            training=_constant_rate(settings),
            penalty=_penalty(regularizer, built, network, kernels, thresholds, options),
            on_chunk=lambda step: points.append((step, _filters(charged, alive_now()))),
            deadline=settings.deadline,
            validate=False,
        )
        step_seconds = history.step_seconds
    if options.rule == "threshold":
        norms = regularizer.by_layer(regularizer.norms(kernels).numpy())
        narrowed = _narrow(network, charged, alive_now(), norms, options)
    else:
        narrowed = _within_budget(network, built, settings)
    return Round(
        before=network,
        narrowed=narrowed,
        model=built,
        dead_at_start=_dead(charged, at_start),
        alive=tuple(points),
        step_seconds=step_seconds,
    )


def _constant_rate(settings: Settings) -> config.Training:
    """Return the training's settings with structure learning's own rate (Gordon et al. 2018)."""
    own = {"learning_rate": settings.options.learning_rate, "schedule": "constant"}
    return settings.training.model_copy(update=own)


def _within_budget(network: Network, built: Any, settings: Settings) -> Narrowed:
    options = settings.options
    plan = _decided_plan(network, options)
    scores = taylor(
        built, network, plan, settings.data, batch_size=settings.batch_size, seed=settings.seed
    )
    # Where the loss depends on none of n channels, their scores are noise, whose sum grows with n.
    # Divided by n^0.5 it was no worse in trials on MNIST and better on CIFAR-10 than as it is.
    importance = np.array(
        [scores[block.groups].sum() / len(block.groups) ** 0.5 for block in plan.blocks]
    )
    # A layer that the loss does not depend on yet would lose all the rest for it.
    importance = np.maximum(importance, 1e-3 * importance.max(initial=1e-12))
    alive = budget.strongest(plan, _allotted(plan, importance, options), scores)
    return _narrow(network, plan, alive, {}, options)


def _untrained(network: Network, plan: ChannelPlan, settings: Settings) -> Mask:
    options = settings.options
    if options.rule == "random":
        scores = np.random.default_rng([settings.seed, _RANDOM]).random(plan.groups)
        return budget.ranked(plan, scores, options.target_flops, min_width=options.min_width)
    if options.rule == "uniform":
        counts = budget.uniform(plan, options.target_flops, multiple=options.round_widths_to)
    else:
        counts = _allotted(plan, _prior(network, plan), options)
    return budget.strongest(plan, counts)


def _prior(network: Network, plan: ChannelPlan) -> np.ndarray:
    """Return an importance of each block that needs no training, [blocks].

    The constants were found by trials on MNIST and CIFAR-10 at half their resolution: narrow layers
    suffer most, and a dense layer's units do much for what they cost.
    """
    dense = [all(network[name].op == "dense" for name in block.layers) for block in plan.blocks]
    sizes = np.array([len(block.groups) for block in plan.blocks], dtype=np.float64)
    return np.where(dense, 5.0, 1.0) / np.sqrt(sizes)


def _allotted(plan: ChannelPlan, importance: np.ndarray, options: config.Compression) -> list[int]:
    return budget.allot(
        plan,
        importance,
        options.target_flops,
        min_width=options.min_width,
        multiple=options.round_widths_to,
    )


def _decided_plan(network: Network, options: config.Compression) -> ChannelPlan:
    """Return the plan of a rule with a budget: of real flops, whatever the regulariser charges."""
    return plan_channels(network, sources=_convolutions(network, options))


def _sources(network: Network, options: config.Compression) -> frozenset[str] | None:
    return gamma_layers(network) or _convolutions(network, options)


def _convolutions(network: Network, options: config.Compression) -> frozenset[str] | None:
    """Return the convolutions where they alone may be narrowed; None for no restriction."""
    if not options.convolutions_only:
        return None
    return frozenset(layer.name for layer in network.layers if layer.op in CONVOLUTIONS)


def _penalty(
    regularizer: Regularizer,
    built: Any,
    network: Network,
    kernels: dict[str, Any],
    thresholds: np.ndarray,
    options: config.Compression,
) -> Penalty | None:
    if options.strength == 0:
        return None
    strength = options.strength / regularizer.plan.full_cost()
    if options.backend == "morph_net":
        from mpineat.training.compression import morphnet_backend  # imports a package that few have

        return morphnet_backend.penalty(built, network, options.alive_threshold, strength)
    return regularizer.penalty(kernels, thresholds, strength)


def _narrow(
    network: Network,
    plan: ChannelPlan,
    alive: Mask,
    norms: dict[str, np.ndarray],
    options: config.Compression,
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
    return sum(int(plan.alive(name, alive).sum()) for name in plan.outputs)


def _dead(plan: ChannelPlan, alive: Mask) -> dict[str, float]:
    """Return the share of dead filters of each layer that may be narrowed."""
    return {
        name: 1.0 - float(plan.alive(name, alive).mean())
        for name in plan.outputs
        if name not in plan.protected
    }
