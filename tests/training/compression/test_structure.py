"""Structure learning on the embedded digits: what each rule and option does to a network."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.config import Compression, Config, Training
from mpineat.data.dataset import open_dataset
from mpineat.phenotype.cost import flops
from mpineat.phenotype.network import Network
from mpineat.training import fit, model
from mpineat.training.compression.structure import compress
from tests.phenotype.networks import depthwise, head, join, norm
from tests.training.networks import residual

BUDGET = 0.35


@pytest.fixture(scope="module")
def data():
    options = Config().dataset
    return fit.load(open_dataset(options, seed=0), options)


def learn(data, before=None, **options):
    before = before or residual()
    config = Config(compression=Compression(**{"epochs": 1.0, **options}))
    return compress(before, data, config, seed=3, batch_size=256)


@pytest.mark.parametrize("rule", ["budget", "elastic", "uniform", "random"])
def test_rules_with_a_budget_fill_it(data, rule):
    learned = learn(data, rule=rule, target_flops=BUDGET)
    assert 0.8 * BUDGET < flops(learned.network) / flops(residual()) <= BUDGET
    assert learned.network.shapes["output"] == (10,)
    assert learned.weights is None


def test_no_epoch_at_all_ranks_by_the_first_gradients(data):
    target = 0.25  # at BUDGET the gradients share it as the prior does
    learned = learn(data, target_flops=target, epochs=0.0)
    assert 0.8 * target < flops(learned.network) / flops(residual()) <= target
    assert learned.record.step_seconds == (0.0, 0.0)
    assert learned.network != learn(data, target_flops=target, rule="elastic").network
    assert learned.network != learn(data, target_flops=target, rule="uniform").network


def test_batch_norm_networks_fill_the_budget_too(data):
    learned = learn(data, residual("conv2d_bn"), target_flops=BUDGET)
    assert 0.8 * BUDGET < flops(learned.network) / flops(residual()) <= BUDGET
    assert 0 < learned.record.widths["d"][1] <= 24


def test_the_same_seed_finds_the_same_network(data):
    assert learn(data).network == learn(data).network


def test_the_record_says_what_happened(data):
    learned = learn(data, epochs=0.5)
    record = learned.record
    assert record.widths["a"][0] == 16
    assert record.widths["a"][1] == learned.network["a"].width
    assert record.widths["output"] == (10, 10)
    assert set(record.dead_at_start) == {"a", "b", "c", "d"}
    steps = [step for step, _ in record.alive]
    assert steps[0] == 0
    assert steps[-1] == round(0.5 * -(-data.train_examples // 256))
    assert record.step_seconds[0] > 0


def test_the_thesis_preset_measures_the_initialiser(data):
    learned = learn(data, preset="thesis")
    dead = learned.record.dead_at_start
    # Glorot: 3x3 1->16 begins with norms about 0.114 and 3x3 16->16 with 0.083; the add ties them.
    assert 0.05 < dead["a"] == dead["b"] < 0.6
    assert set(dead) == {"a", "b", "c"}  # convolutions only
    assert learned.network["d"].width == 24
    assert learned.network["a"].width == learned.network["b"].width < 16


def test_nothing_shrinks_below_the_smallest_threshold(data):
    learned = learn(data, rule="threshold", threshold_mode="absolute", alive_threshold=0.0)
    assert learned.network == residual()
    assert learned.epochs == 1.0
    begun = model.build(learned.network, 3, weights=learned.weights)
    config = Training(learning_rate=1e-3, schedule="constant")
    history = fit.train(begun, data, epochs=1, seed=3, batch_size=256, training=config)
    fresh = model.build(learned.network, 3)
    other = fit.train(fresh, data, epochs=1, seed=3, batch_size=256, training=config)
    assert history.curve[0].loss < 0.95 * other.curve[0].loss


@pytest.mark.parametrize("target", ["flops", "group_lasso"])
def test_a_strong_regulariser_kills_more_filters(data, target):
    def alive(strength):
        options = {"rule": "threshold", "alive_threshold": 0.95, "epochs": 2.0, "target": target}
        return learn(data, strength=strength, **options).record.alive[-1][1]

    assert alive(30.0) < alive(0.0)


@pytest.mark.parametrize(("policy", "removed"), [("bypass", True), ("keep_strongest", False)])
def test_empty_layers_follow_the_policy(data, policy, removed):
    options = {"rule": "threshold", "threshold_mode": "absolute", "alive_threshold": 9.0}
    learned = learn(data, epochs=0.2, empty_layer=policy, **options)
    assert ("d" in learned.record.removed) == removed
    assert learned.record.widths["d"][1] == (0 if removed else 1)
    model.build(learned.network, 0)


def test_survivors_keep_their_weights(data):
    learned = learn(data, keep_weights=True)
    weights = learned.weights
    assert set(weights) == set(model.variables(model.build(learned.network, 0), learned.network))
    for name in "abcd":
        found = learned.network[name]
        fan_in = learned.network.shapes[found.inputs[0]][-1]
        assert weights[name].shape == (*(found.kernel or ()), fan_in, found.width)
    build = model.build(learned.network, 0, weights=weights)
    kept = fit.evaluator(build, data.validation, 256)()
    fresh = fit.evaluator(model.build(learned.network, 0), data.validation, 256)()
    assert kept.accuracy > fresh.accuracy + 0.1


def test_kept_weights_are_the_trained_ones(data):
    everything = {"rule": "threshold", "threshold_mode": "absolute", "alive_threshold": 0.0}
    learned = learn(data, keep_weights=True, strength=0.0, **everything)
    again = model.build(residual(), 3)
    fit.train(
        again, data, epochs=1.0, seed=3, batch_size=256,
        training=Training(learning_rate=1e-3, schedule="constant"), validate=False,
    )  # fmt: skip
    for name, value in model.variables(again, residual()).items():
        np.testing.assert_allclose(learned.weights[name], value.numpy(), atol=1e-5)


def test_widths_are_multiples_where_asked(data):
    learned = learn(data, round_widths_to=4, target_flops=0.5, epochs=0.2)
    widths = {name: pair[1] for name, pair in learned.record.widths.items() if name != "output"}
    assert all(width % 4 == 0 for width in widths.values())
    assert flops(learned.network) <= 0.5 * flops(residual())


def test_shrinking_and_widening_alternate(data):
    once = learn(data, rule="uniform", target_flops=0.3)
    wider = learn(data, rule="uniform", target_flops=0.3, width_multiplier=1.5)
    assert wider.network["c"].width == round(1.5 * once.network["c"].width)
    twice = learn(data, rule="uniform", target_flops=0.3, width_multiplier=1.5, iterations=2)
    assert flops(twice.network) < flops(wider.network)
    learned_twice = learn(data, iterations=2, epochs=0.2)
    assert [step for step, _ in learned_twice.record.alive] == [0, 1, 1, 2]


@pytest.mark.parametrize("rule", ["budget", "threshold", "elastic"])
def test_separable_residual_networks_are_compressed_with_their_weights(data, rule):
    before = Network(
        (8, 8, 1),
        (
            norm("a", "input", 12), depthwise("d", "a"), norm("b", "d", 12, 1, activation="swish"),
            join("s", "add", "a", "b"), norm("c", "s", 16, steps=2), *head("c", classes=10),
        ),
        "output",
    )  # fmt: skip
    options = {"alive_threshold": 0.999, "strength": 30.0} if rule == "threshold" else {}
    learned = learn(data, before, rule=rule, target_flops=0.5, keep_weights=True, **options)
    widths = {layer.name: layer.width for layer in learned.network.layers if layer.width}
    assert widths["a"] == widths["b"] < 12
    assert learned.network.shapes["d"] == (8, 8, widths["a"])
    if rule == "threshold":
        assert set(learned.record.dead_at_start) == {"a", "b", "c"}
    else:
        assert 0.7 * 0.5 < flops(learned.network) / flops(before) <= 0.5
    if rule != "elastic":  # which trains nothing
        names = set(model.variables(model.build(learned.network, 0), learned.network))
        assert set(learned.weights) == names
        assert learned.weights["d"].shape == (3, 3, widths["a"], 1)
