"""Network: an immutable acyclic graph of layers with inferred shapes, and its JSON form."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mpineat.errors import InputError

INPUT = "input"  # the name of the network's input among the layers' inputs
# (height, width, channels), or (channels,) behind flatten and global pooling
Shape = tuple[int, ...]

# op -> the fields that it has beside name, op and inputs
FIELDS: dict[str, tuple[str, ...]] = {
    "conv2d": ("filters", "kernel", "strides", "padding", "activation"),
    "conv2d_bn": ("filters", "kernel", "strides", "padding", "activation"),
    "maxpool": ("pool", "strides", "padding"),
    "avgpool": ("pool", "strides", "padding"),
    "global_average_pool": (),
    "flatten": (),
    "dropout": ("rate",),
    "add": (),
    "concat": (),
    "dense": ("units", "activation"),
}
CONVOLUTIONS = ("conv2d", "conv2d_bn")
JOINS = ("add", "concat")
# Notes of a file with given weights on how a layer's are drawn; no part of the network.
WEIGHT_NOTES = ("scale", "gamma", "kill")


class ShapeError(InputError):
    """A network whose layers do not fit together."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in the genotype a layer comes from."""

    blueprint_node: int
    module: int
    module_node: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One operation; only the fields that FIELDS lists for `op` are set."""

    name: str
    op: str
    inputs: tuple[str, ...]
    filters: int | None = None
    kernel: tuple[int, int] | None = None
    strides: tuple[int, int] | None = None
    padding: str | None = None
    activation: str | None = None
    pool: tuple[int, int] | None = None
    rate: float | None = None
    units: int | None = None
    origin: Origin | None = None

    @property
    def width(self) -> int | None:
        """Filters or units; None for a layer without weights."""
        return self.filters if self.op in CONVOLUTIONS else self.units


def _window(size: int, kernel: int, stride: int, padding: str) -> int:
    return -(-size // stride) if padding == "same" else (size - kernel) // stride + 1


def _spatial(layer: Layer, shape: Shape, kernel: tuple[int, int], channels: int) -> Shape:
    if len(shape) != 3:
        raise ShapeError(
            f"layer {layer.name!r}: {layer.op} needs a map [height, width, channels],"
            f" found {list(shape)}"
        )
    assert layer.strides is not None
    assert layer.padding is not None
    height, width = (_window(shape[i], kernel[i], layer.strides[i], layer.padding) for i in (0, 1))
    if height < 1 or width < 1:
        raise ShapeError(
            f"layer {layer.name!r}: {layer.op} {list(kernel)} leaves nothing of a map {list(shape)}"
        )
    return (height, width, channels)


def _output_shape(layer: Layer, inputs: list[Shape]) -> Shape:
    first = inputs[0]
    if layer.op in CONVOLUTIONS:
        assert layer.kernel is not None
        assert layer.filters is not None
        return _spatial(layer, first, layer.kernel, layer.filters)
    if layer.op in ("maxpool", "avgpool"):
        assert layer.pool is not None
        return _spatial(layer, first, layer.pool, first[-1])
    if layer.op == "global_average_pool":
        return first[-1:]
    if layer.op == "flatten":
        size = 1
        for extent in first:
            size *= extent
        return (size,)
    if layer.op == "dense":
        if len(first) != 1:
            raise ShapeError(
                f"layer {layer.name!r}: dense needs a vector, found {list(first)}; flatten it first"
            )
        assert layer.units is not None
        return (layer.units,)
    if layer.op == "add" and any(shape != first for shape in inputs):
        raise ShapeError(f"layer {layer.name!r}: add of unequal shapes {[list(s) for s in inputs]}")
    if layer.op == "concat":
        if any(shape[:-1] != first[:-1] for shape in inputs):
            raise ShapeError(
                f"layer {layer.name!r}: concat of maps of unequal size {[list(s) for s in inputs]}"
            )
        return (*first[:-1], sum(shape[-1] for shape in inputs))
    return first


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
            shapes[layer.name] = _output_shape(layer, [shapes[name] for name in layer.inputs])
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
            "layers": [_layer_to_json(layer) for layer in self.layers],
            "output": self.output,
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Network:
        """Read the fixed form.

        Raises:
            InputError: Unknown or missing keys or ops, by name; values of a wrong type or range.
            ShapeError: The layers do not fit together.
        """
        _refuse_unknown(value, {"input_shape", "layers", "output"}, "network")
        for key in ("input_shape", "layers", "output"):
            if key not in value:
                raise InputError(f"network: key {key!r} is missing")
        shape = value["input_shape"]
        if (
            not isinstance(shape, (list, tuple))
            or len(shape) != 3
            or not all(_is_count(n) for n in shape)
        ):
            raise InputError(
                f"network: input_shape: expected [height, width, channels], found {shape!r}"
            )
        layers = tuple(_layer_from_json(item, index) for index, item in enumerate(value["layers"]))
        return Network((shape[0], shape[1], shape[2]), layers, value["output"])

    def hash(self) -> str:
        """Return 16 hexadecimal digits: those of equal networks are equal, whatever their names."""
        names = {INPUT: INPUT} | {layer.name: str(i) for i, layer in enumerate(self.layers)}
        plain = [
            {
                key: item
                for key, item in _layer_to_json(layer).items()
                if key not in ("name", "origin", "inputs")
            }
            | {"inputs": [names[name] for name in layer.inputs]}
            for layer in self.layers
        ]
        text = json.dumps([self.input_shape, plain, names[self.output]], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _layer_to_json(layer: Layer) -> dict[str, Any]:
    value: dict[str, Any] = {"name": layer.name, "op": layer.op, "inputs": list(layer.inputs)}
    for key in FIELDS[layer.op]:
        item = getattr(layer, key)
        value[key] = list(item) if isinstance(item, tuple) else item
    if layer.origin is not None:
        value["origin"] = {f.name: getattr(layer.origin, f.name) for f in fields(Origin)}
    return value


def _refuse_unknown(value: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in value:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(known))}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_pair(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(_is_count, value))


def _checked_field(where: str, key: str, value: Any) -> Any:
    if key in ("filters", "units") and _is_count(value):
        return value
    if key in ("kernel", "strides", "pool") and _is_pair(value):
        return (value[0], value[1])
    if key == "padding" and value in ("same", "valid"):
        return value
    if key == "activation" and value in ("relu", None):
        return value
    if (
        key == "rate"
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 <= value < 1
    ):
        return float(value)
    expected = {
        "padding": "'same' or 'valid'",
        "activation": "'relu' or null",
        "rate": "a number in [0, 1)",
        "filters": "a whole number >= 1",
        "units": "a whole number >= 1",
    }.get(key, "two whole numbers >= 1")
    raise InputError(f"{where}: {key}: expected {expected}, found {value!r}")


def _layer_from_json(value: Mapping[str, Any], index: int) -> Layer:
    where = f"layer {value.get('name', index)!r}"
    op = value.get("op")
    if op not in FIELDS:
        raise InputError(f"{where}: unknown op {op!r}; known are {', '.join(FIELDS)}")
    _refuse_unknown(value, {"name", "op", "inputs", "origin", *FIELDS[op], *WEIGHT_NOTES}, where)
    for key in ("name", "inputs", *FIELDS[op]):
        if key not in value:
            raise InputError(f"{where}: {op}: key {key!r} is missing")
    inputs = value["inputs"]
    if (
        not isinstance(inputs, (list, tuple))
        or not inputs
        or not all(isinstance(n, str) for n in inputs)
    ):
        raise InputError(f"{where}: inputs: expected a list of layer names, found {inputs!r}")
    if len(inputs) > 1 and op not in JOINS:
        raise InputError(f"{where}: {op} takes one input, found {len(inputs)}")
    origin = value.get("origin")
    if origin is not None:
        _refuse_unknown(origin, {f.name for f in fields(Origin)}, f"{where}: origin")
    return Layer(
        name=value["name"],
        op=op,
        inputs=tuple(inputs),
        origin=None if origin is None else Origin(**origin),
        **{key: _checked_field(where, key, value[key]) for key in FIELDS[op]},
    )
