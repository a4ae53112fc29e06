"""What Google's MorphNet measured on networks with fixed weights (morphnet_golden.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mpineat.phenotype.network import Network

NETWORKS: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("morphnet_golden.json").read_text()
)["networks"]


def network(spec: dict[str, Any]) -> Network:
    return Network.from_json({key: spec[key] for key in ("input_shape", "layers", "output")})


def kernels(spec: dict[str, Any]) -> dict[str, np.ndarray]:
    """Draw the weights by the file's recipe."""
    built = network(spec)
    rng = np.random.RandomState(spec["seed"])
    found = {}
    for notes in spec["layers"]:
        layer = built[notes["name"]]
        if layer.width is None:
            continue
        shape = (*(layer.kernel or ()), built.shapes[layer.inputs[0]][-1], layer.width)
        scale = rng.uniform(*notes["scale"], size=layer.width)
        kernel = rng.standard_normal(size=shape) * scale
        for kill in notes.get("kill", ()):
            kernel[..., kill["channels"]] *= kill["factor"]
        found[layer.name] = kernel.astype(np.float32)
        if layer.op == "conv2d_bn":
            gamma = rng.uniform(*notes["gamma"], size=layer.width)
            found[f"{layer.name}/gamma"] = gamma.astype(np.float32)
    return found
