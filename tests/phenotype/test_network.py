"""Network: shapes, the fixed JSON form, what is refused, what counts as equal."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from mpineat.errors import InputError
from mpineat.phenotype.network import Network, ShapeError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "morphnet_golden.json").read_text())[
    "networks"
]


def plain() -> dict[str, Any]:
    return {
        "input_shape": [8, 8, 3],
        "layers": [
            {
                "name": "c",
                "op": "conv2d",
                "inputs": ["input"],
                "filters": 4,
                "kernel": [3, 3],
                "strides": [1, 1],
                "padding": "same",
                "activation": "relu",
            },
            {"name": "f", "op": "flatten", "inputs": ["c"]},
            {"name": "d", "op": "dense", "inputs": ["f"], "units": 10, "activation": None},
        ],
        "output": "d",
    }


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["id"])
def test_shapes_are_those_that_the_reference_measured(case: dict[str, Any]) -> None:
    network = Network.from_json({key: case[key] for key in ("input_shape", "layers", "output")})
    found = {name: list(shape) for name, shape in network.shapes.items()}
    assert found == case["layer_output_shapes"]


def test_json_survives_both_ways() -> None:
    network = Network.from_json(plain())
    assert network.to_json() == plain()
    assert Network.from_json(json.loads(json.dumps(network.to_json()))) == network


def test_a_stride_rounds_up_under_same_and_down_under_valid() -> None:
    for padding, size in (("same", 4), ("valid", 3)):
        value = plain()
        value["layers"][0] |= {"strides": [2, 2], "padding": padding}
        assert Network.from_json(value).shapes["c"] == (size, size, 4)


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        ((), {"colour": 1}, "network: unknown key 'colour'"),
        ((), {"input_shape": [8, 8]}, r"expected \[height, width, channels\], found \[8, 8\]"),
        (("layers", 0), {"op": "conv3d"}, "layer 'c': unknown op 'conv3d'; known are conv2d,"),
        (("layers", 0), {"dilation": 2}, "layer 'c': unknown key 'dilation'"),
        (
            ("layers", 0),
            {"filters": 0},
            "layer 'c': filters: expected a whole number >= 1, found 0",
        ),
        (("layers", 0), {"filters": True}, "filters: expected a whole number >= 1, found True"),
        (("layers", 0), {"kernel": [3]}, r"kernel: expected two whole numbers >= 1, found \[3\]"),
        (("layers", 0), {"padding": "full"}, "padding: expected 'same' or 'valid', found 'full'"),
        (
            ("layers", 0),
            {"activation": "tanh"},
            "activation: expected 'relu', 'swish' or null, found 'tanh'",
        ),
        (("layers", 1), {"inputs": ["c", "c"]}, "layer 'f': flatten takes one input, found 2"),
        (("layers", 1), {"inputs": []}, "expected a list of layer names"),
    ],
)
def test_what_is_wrong_is_named(
    path: tuple[Any, ...], change: dict[str, Any], message: str
) -> None:
    value = plain()
    target: Any = value
    for part in path:
        target = target[part]
    target |= change
    with pytest.raises(InputError, match=message):
        Network.from_json(value)


@pytest.mark.parametrize("key", ["name", "inputs", "kernel", "activation"])
def test_a_missing_key_is_named(key: str) -> None:
    value = plain()
    del value["layers"][0][key]
    with pytest.raises(InputError, match=key):
        Network.from_json(value)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"name": "a", "op": "add", "inputs": ["c", "input"]}], "add of unequal shapes"),
        ([{"name": "a", "op": "flatten", "inputs": ["later"]}], "'later' is not defined before it"),
        ([{"name": "c", "op": "flatten", "inputs": ["input"]}], "the name is used twice"),
        (
            [{"name": "a", "op": "dense", "inputs": ["c"], "units": 1, "activation": None}],
            "dense needs a vector",
        ),
        (
            [
                {
                    "name": "a",
                    "op": "maxpool",
                    "inputs": ["c"],
                    "pool": [9, 9],
                    "strides": [1, 1],
                    "padding": "valid",
                }
            ],
            "leaves nothing of a map",
        ),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers: list[dict[str, Any]], message: str) -> None:
    value = plain()
    value["layers"][1:1] = layers
    with pytest.raises(ShapeError, match=message):
        Network.from_json(value)


def test_names_and_origins_do_not_make_a_network_another() -> None:
    renamed = json.loads(json.dumps(plain()).replace('"c"', '"other"'))
    renamed["layers"][0]["origin"] = {"blueprint_node": 2, "module": 5, "module_node": 3}
    wider = copy.deepcopy(plain())
    wider["layers"][0]["filters"] = 5
    base = Network.from_json(plain()).hash()
    assert Network.from_json(renamed).hash() == base
    assert Network.from_json(wider).hash() != base
