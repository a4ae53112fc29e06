import numpy as np
import pytest

from mpineat.config import Config
from mpineat.evolution.strategies.reinforce import (
    Emitted,
    choices,
    first_logits,
    gradient,
    objective,
    softmax,
)
from mpineat.evolution.strategy import select
from mpineat.genotype.encoding import Encoding
from tests.evolution.values import building, config, judged

OPTIONS = config(strategy="reinforce", candidates=12)


def emitted(options: Config, count: int):
    """Return candidates of an untaught controller, and what it chose."""
    strategy = select(options)
    asked = strategy.ask(strategy.initial(options), options, building(options), count)
    results = [judged(candidate, 0.5) for candidate in asked.candidates]
    return asked.candidates, Emitted.of(results, Encoding(options))


def test_the_gradient_is_that_of_finite_differences():
    options = config(strategy="reinforce", evolve_training=True)
    _, found = emitted(options, 5)
    rng = np.random.default_rng(1)
    logits = first_logits(Encoding(options))
    logits = np.where(np.isfinite(logits), logits + rng.normal(size=logits.shape), logits)
    advantages = rng.normal(size=5)
    slope = gradient(logits, found, advantages, 0.3)
    reached = np.argwhere(found.allowed.any(axis=0))
    assert len(reached) > 100
    for position, choice in rng.permutation(reached)[:60].tolist():
        step = np.zeros_like(logits)
        step[position, choice] = 1e-5
        up, down = (objective(logits + s * step, found, advantages, 0.3) for s in (1, -1))
        assert slope[position, choice] == pytest.approx((up - down) / 2e-5, abs=1e-6)
    assert not slope[~found.allowed.any(axis=0)].any()


def test_what_was_chosen_is_read_off_the_candidate():
    encoding = Encoding(OPTIONS)
    candidates, found = emitted(OPTIONS, 20)
    for candidate, codes, allowed in zip(candidates, found.codes, found.allowed, strict=True):
        assert allowed[np.arange(len(codes)), codes][allowed.any(axis=1)].all()

        def again(position, _, codes=codes):
            code = int(codes[position.at])
            return code if position.shares else code / max(choices(position) - 1, 1)

        decoded = encoding.decode(again)
        assert decoded.blueprint.nodes == candidate.blueprint.nodes
        assert [m.nodes for _, m in decoded.modules] == [m.nodes for _, m in candidate.modules]


def test_an_untaught_controller_chooses_as_the_positions_say():
    positions = Encoding(OPTIONS).positions
    chances = softmax(first_logits(Encoding(OPTIONS)))
    assert chances.sum(axis=1) == pytest.approx(1)
    for position in positions:
        if position.shares:
            assert chances[position.at, : len(position.shares)] == pytest.approx(position.shares)


def test_it_learns_what_is_rewarded_and_what_is_not():
    strategy = select(OPTIONS)
    state = strategy.initial(OPTIONS)
    depths = []
    for generation in range(30):
        state = strategy.breed(state, OPTIONS) if generation else state
        asked = strategy.ask(state, OPTIONS, building(OPTIONS))
        depths.append(np.mean([len(c.blueprint.nodes) for c in asked.candidates]))
        # Deep blueprints are good here, and whoever fails is not.
        results = [
            judged(c, len(c.blueprint.nodes) / 10 if c.id % 5 else None, "candidate")
            for c in asked.candidates
        ]
        state = strategy.tell(asked.state, results, OPTIONS)
    assert np.mean(depths[-5:]) > np.mean(depths[:5]) + 1


def test_a_generation_of_machine_failures_teaches_nothing():
    strategy = select(OPTIONS)
    asked = strategy.ask(strategy.initial(OPTIONS), OPTIONS, building(OPTIONS))
    spoilt = [judged(c, None, "machine") for c in asked.candidates]
    assert strategy.tell(asked.state, spoilt, OPTIONS).memory == asked.state.memory
