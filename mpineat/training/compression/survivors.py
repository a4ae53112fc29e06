"""The weights of the filters that stay, for `compression.keep_weights`."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpineat.phenotype.channels import Mask
from mpineat.phenotype.narrow import Narrowed
from mpineat.phenotype.network import DEPTHWISE, INPUT, Network
from mpineat.training.model import variables


def weights(model: Any, before: Network, narrowed: Narrowed) -> dict[str, np.ndarray]:
    """Cut the narrowed network's weights out of the trained model of the network before.

    A layer whose input is no longer what it was (one in front of it vanished) gets none, so
    starts anew.
    """
    kept = _kept_channels(before, narrowed)
    after = {layer.name: layer for layer in narrowed.network.layers}
    found = {}
    for name, variable in variables(model, before).items():
        layer_name, _, part = name.partition("/")
        if layer_name not in after:
            continue
        if before[layer_name].op == DEPTHWISE:
            channels = kept[layer_name]
            if int(channels.sum()) == narrowed.network.shapes[layer_name][-1]:
                found[name] = variable.numpy()[..., channels, :]
            continue
        outputs = kept[layer_name]
        value = variable.numpy()
        if part:
            found[name] = value[outputs]
            continue
        inputs = kept[before[layer_name].inputs[0]]
        if int(inputs.sum()) == narrowed.network.shapes[after[layer_name].inputs[0]][-1]:
            found[name] = value[..., inputs, :][..., outputs]
    return found


def _kept_channels(network: Network, narrowed: Narrowed) -> dict[str, Mask]:
    """Return which output channels of each layer of `network` are left, [channels]."""
    kept = {INPUT: np.ones(network.shapes[INPUT][-1], dtype=bool)}
    for layer in network.layers:
        given = [kept[name] for name in layer.inputs]
        if layer.width is not None:
            kept[layer.name] = narrowed.kept.get(layer.name, np.zeros(layer.width, dtype=bool))
        elif layer.op == "concat":
            kept[layer.name] = np.concatenate(given)
        elif layer.op == "flatten":
            kept[layer.name] = np.tile(given[0], network.shapes[layer.name][0] // len(given[0]))
        else:
            kept[layer.name] = given[0]
    return kept
