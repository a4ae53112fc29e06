"""Reinforcement learning: a controller that emits architectures (Zoph and Le 2017, Williams 1992).

The controller has a softmax at each position of the encoding, asked one after another; which
positions follow depends on what it chose before. Zoph and Le's is recurrent, and sees 12,800
networks; in some hundred there is nothing that would tell its weights apart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Config
from mpineat.evolution.architectures import ArchitectureSearch, Plain, Proposals
from mpineat.evolution.credit import judged
from mpineat.evolution.state import Result, State
from mpineat.genotype.architecture import Architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.encoding import Encoding, Position

Floats: TypeAlias = NDArray[np.float64]

LEVELS = 6  # choices that the range of a number is cut into
DECAYS = 0.9, 0.999  # Adam's (Kingma and Ba 2015)


class Reinforce(ArchitectureSearch):
    """The strategy `reinforce`: a generation is a batch, told in the order of the candidates."""

    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return architectures that the controller emits."""
        encoding = Encoding(config)
        chances = softmax(state.memory.get("logits", first_logits(encoding)))
        cumulated = np.cumsum(chances, axis=1).tolist()

        def choose(position: Position, allowed: int) -> float:
            count = choices(position)
            row = cumulated[position.at]
            # A number has all its levels, and of a choice only the first ones may be allowed.
            reach = row[min(allowed, count) - 1 if position.shares else count - 1]
            drawn = draws.uniform() * reach
            code = next((i for i, up_to in enumerate(row) if drawn < up_to), count - 1)
            return code if position.shares else code / max(count - 1, 1)

        def draw() -> Architecture:
            return encoding.decode(choose)

        return Plain(draw, state)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Credit the results, and move the controller towards what was better than usual."""
        told = super().tell(state, results, config)
        counted = judged(results, config.evolution)
        if not counted:
            return told
        encoding = Encoding(config)
        emitted = Emitted.of([result for result, _ in counted], encoding)
        rewards = np.array([fitness for _, fitness in counted])
        return replace(told, memory=_learned(state.memory, emitted, rewards, encoding, config))

    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return nobody: what there is to know is in the controller."""
        return ()


@dataclass(frozen=True, slots=True)
class Emitted:
    """What the controller chose.

    Attributes:
        codes: [networks, positions]; 0 where nothing was chosen.
        allowed: [networks, positions, choices] what it could have chosen; all False where nothing
            was.
    """

    codes: NDArray[np.int64]
    allowed: NDArray[np.bool_]

    @classmethod
    def of(cls, results: Sequence[Result], encoding: Encoding) -> Emitted:
        """Return what led to the candidates of the results."""
        counts = np.array([choices(position) for position in encoding.positions])
        numbers = np.array([not position.shares for position in encoding.positions])
        codes, allowed = [], []
        for result in results:
            candidate = result.candidate
            answers, limits = encoding.choices(Architecture(candidate.blueprint, candidate.modules))
            scaled = np.where(numbers, answers * np.maximum(counts - 1, 1), answers)
            codes.append(np.rint(scaled).astype(np.int64))
            most = np.where(numbers & (limits > 0), counts, limits)
            allowed.append(np.arange(counts.max()) < most[:, None])
        return cls(np.array(codes), np.array(allowed))


def objective(logits: Floats, emitted: Emitted, advantages: Floats, entropy: float) -> float:
    """Return what REINFORCE ascends.

    For each network the log-probability of its choices, times its advantage, and the weighted
    entropy of the choices that it had; the mean of all.
    """
    logs = _log_chances(logits, emitted)
    taken = np.take_along_axis(logs, emitted.codes[..., None], axis=2)[..., 0]
    spread = -(np.exp(logs) * logs * emitted.allowed).sum(axis=(1, 2))
    chosen = emitted.allowed.any(axis=2)
    return float(np.mean(advantages * (taken * chosen).sum(axis=1) + entropy * spread))


def gradient(logits: Floats, emitted: Emitted, advantages: Floats, entropy: float) -> Floats:
    """Return the gradient of `objective` by the logits."""
    logs = _log_chances(logits, emitted)
    chances = np.exp(logs) * emitted.allowed
    taken = (np.arange(logits.shape[1]) == emitted.codes[..., None]) & emitted.allowed
    spread = -(chances * logs).sum(axis=2, keepdims=True)
    of_entropy = -chances * (logs + spread)
    each = advantages[:, None, None] * (taken - chances) + entropy * of_entropy
    return np.asarray(each.mean(axis=0))


def first_logits(encoding: Encoding) -> Floats:
    """Return the controller that has learned nothing; what it cannot choose has minus infinity."""
    positions = encoding.positions
    logits = np.full((len(positions), max(map(choices, positions))), -np.inf)
    for position in positions:
        count = choices(position)
        logits[position.at, :count] = np.log(position.shares or (1 / count,) * count)
    return logits


def choices(position: Position) -> int:
    """Return how many choices the controller has at a position."""
    return len(position.shares) or min(LEVELS, position.levels or LEVELS)


def softmax(logits: Floats) -> Floats:
    """Return the chances of the choices, position by position."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _log_chances(logits: Floats, emitted: Emitted) -> Floats:
    """Return [networks, positions, choices]; 0 where a choice was not allowed."""
    open_ = np.where(emitted.allowed, logits, -np.inf)
    top = np.max(open_, axis=2, keepdims=True, initial=-1e300)
    sums = np.where(emitted.allowed, np.exp(open_ - top), 0.0).sum(axis=2, keepdims=True)
    logs = open_ - top - np.log(np.where(sums > 0, sums, 1.0))
    return np.where(emitted.allowed, logs, 0.0)


def _learned(
    memory: Mapping[str, NDArray[Any]],
    emitted: Emitted,
    rewards: Floats,
    encoding: Encoding,
    config: Config,
) -> dict[str, NDArray[Any]]:
    """Return the memory after one step of Adam."""
    options = config.evolution.reinforce
    logits = memory.get("logits", first_logits(encoding))
    finite = np.isfinite(logits)
    zeros = np.zeros_like(logits)
    steps = int(memory.get("steps", 0)) + 1
    # The first batch has nothing before it: its own mean is the baseline.
    baseline = float(memory.get("baseline", rewards.mean()))
    spread = float(memory.get("spread", rewards.std()))
    slope = gradient(logits, emitted, (rewards - baseline) / (spread or 1.0), options.entropy)
    first = DECAYS[0] * memory.get("first_moment", zeros) + (1 - DECAYS[0]) * slope
    second = DECAYS[1] * memory.get("second_moment", zeros) + (1 - DECAYS[1]) * slope**2
    direction = first / (1 - DECAYS[0] ** steps)
    direction /= np.sqrt(second / (1 - DECAYS[1] ** steps)) + 1e-8
    keep = options.memory
    moved = np.where(finite, logits + options.learning_rate * direction, -np.inf)
    return {
        "logits": moved,
        "first_moment": first,
        "second_moment": second,
        "steps": np.array(steps),
        "baseline": np.array(keep * baseline + (1 - keep) * rewards.mean()),
        "spread": np.array(keep * spread + (1 - keep) * rewards.std()),
    }
