"""Network: an immutable acyclic graph of layers with inferred shapes, and its JSON form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mpineat.errors import InputError
from mpineat.phenotype.layer import (
    CONVOLUTIONS,
    DEPTHWISE,
    FIELDS,
    INPUT,
    JOINS,
    NORM_MOMENTUM,
    Layer,
    Origin,
    Shape,
    ShapeError,
    is_count,
    layer_from_json,
    layer_to_json,
    output_shape,
    refuse_unknown,
)

__all__ = [
    "CONVOLUTIONS",
    "DEPTHWISE",
    "FIELDS",
    "INPUT",
    "JOINS",
    "NORM_MOMENTUM",
    "Layer",
    "Network",
    "Origin",
    "Shape",
    "ShapeError",
]


@dataclass(frozen=True, slots=True)
class Network:
    """Layers in an order in which every layer follows its inputs.

    Attributes:
        shapes: Name -> output shape without the batch axis, "input" included; derived.

    Raises:
        ShapeError: A layer refers to an unknown or later layer, or shapes do not fit.
    """

    input_shape: tuple[int, int, int]
    layers: tuple[Layer, ...]
    output: str
    shapes: Mapping[str, Shape] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        for layer in self.layers:
            if layer.name in shapes:
                raise ShapeError(f"layer {layer.name!r}: the name is used twice")
            missing = [name for name in layer.inputs if name not in shapes]
            if missing:
                raise ShapeError(
                    f"layer {layer.name!r}: input {missing[0]!r} is not defined before it"
                )
            shapes[layer.name] = output_shape(layer, [shapes[name] for name in layer.inputs])
        if self.output not in shapes:
            raise ShapeError(f"output {self.output!r} is no layer")
        object.__setattr__(self, "shapes", shapes)

    def __getitem__(self, name: str) -> Layer:
        """Return the layer called `name`."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return the network as plain JSON values (the fixed form)."""
        return {
            "input_shape": list(self.input_shape),
            "layers": [layer_to_json(layer) for layer in self.layers],
            "output": self.output,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Network:
        """Read the fixed form.

        Raises:
            InputError: Unknown or missing keys or ops, by name; values of a wrong type or range.
            ShapeError: The layers do not fit together.
        """
        refuse_unknown(value, {"input_shape", "layers", "output"}, "network")
        for key in ("input_shape", "layers", "output"):
            if key not in value:
                raise InputError(f"network: key {key!r} is missing")
        shape = value["input_shape"]
        if (
            not isinstance(shape, (list, tuple))
            or len(shape) != 3
            or not all(is_count(n) for n in shape)
        ):
            raise InputError(
                f"network: input_shape: expected [height, width, channels], found {shape!r}"
            )
        layers = tuple(layer_from_json(item, index) for index, item in enumerate(value["layers"]))
        return Network((shape[0], shape[1], shape[2]), layers, value["output"])

    def hash(self) -> str:
        """Return 16 hexadecimal digits: those of equal networks are equal, whatever their names."""
        names = {INPUT: INPUT} | {layer.name: str(i) for i, layer in enumerate(self.layers)}
        plain = [
            {
                key: item
                for key, item in layer_to_json(layer).items()
                if key not in ("name", "origin", "inputs")
            }
            | {"inputs": [names[name] for name in layer.inputs]}
            for layer in self.layers
        ]
        text = json.dumps([self.input_shape, plain, names[self.output]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
