"""Taylor importance is the slope of the loss in a factor on the channel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mpineat import config
from mpineat.phenotype.channels import plan_channels
from mpineat.training import fit, model
from mpineat.training.compression.importance import taylor
from mpineat.training.device_data import DeviceData, DeviceSplit, Scale
from tests.training.networks import residual

SEED = 5


def constant_data(count=4):
    """Return data whose every example is the same, so that every batch is."""
    image = np.random.default_rng(0).integers(256, size=(1, 8, 8, 1), dtype=np.uint8)
    split = DeviceSplit(
        tf.constant(np.repeat(image, count, axis=0)),
        tf.constant(np.full(count, 3, np.int32)),
        Scale((0.5,), (0.25,)),
    )
    return DeviceData(train=split, validation=split, copies=1, augment=config.Augment())


@pytest.mark.parametrize("op", ["conv2d", "conv2d_bn"])
def test_it_is_the_slope_in_a_factor_on_the_channel(op):
    network, data = residual(op), constant_data()
    plan = plan_channels(network)
    built = model.build(network, SEED)
    named = model.variables(built, network)
    rng = np.random.default_rng(1)
    for name, variable in named.items():
        if not name.endswith("moving_variance"):
            variable.assign_add(rng.normal(scale=0.1, size=variable.shape))
    found = taylor(built, network, plan, data, batch_size=4, seed=0)

    measure = fit.evaluator(built, data.validation, 4)
    step = 0.01
    for layer, channel in (("a", 2), ("b", 2), ("c", 5), ("d", 7)):
        group = plan.outputs[layer][channel]
        tied = [(name, ids == group) for name, ids in plan.outputs.items() if (ids == group).any()]
        losses = []
        for factor in (1 + step, 1 - step):
            kept = {name: variable.numpy() for name, variable in named.items()}
            for name, channels in tied:
                scaled = ("gamma", "beta") if f"{name}/gamma" in named else ("", "bias")
                for part in scaled:
                    variable = named[f"{name}/{part}".rstrip("/")]
                    variable.assign(variable.numpy() * np.where(channels, factor, 1.0))
            losses.append(measure()[0])
            for name, variable in named.items():
                variable.assign(kept[name])
        slope = abs(losses[0] - losses[1]) / (2 * step)
        assert found[group] == pytest.approx(slope, rel=0.02, abs=1e-5), layer
