"""Layer: one operation of a network, the shape that it gives, and its JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from mpineat.errors import InputError

INPUT = "input"  # the name of the network's input among the layers' inputs
# (height, width, channels), or (channels,) behind flatten and global pooling
Shape = tuple[int, ...]

# op -> the fields that it has beside name, op and inputs
FIELDS: dict[str, tuple[str, ...]] = {
    "conv2d": ("filters", "kernel", "strides", "padding", "activation"),
    "conv2d_bn": ("filters", "kernel", "strides", "padding", "activation"),
    "depthwise": ("kernel", "strides", "padding"),
    "maxpool": ("pool", "strides", "padding"),
    "avgpool": ("pool", "strides", "padding"),
    "global_average_pool": (),
    "flatten": (),
    "dropout": ("rate",),
    "add": (),
    "concat": (),
    "dense": ("units", "activation"),
}
# op -> further fields with their defaults, which stand for a field that a file lacks
NORM_MOMENTUM = 0.99  # Keras's
OPTIONAL: dict[str, dict[str, Any]] = {"conv2d_bn": {"norm_momentum": NORM_MOMENTUM}}
CONVOLUTIONS = ("conv2d", "conv2d_bn")
DEPTHWISE = "depthwise"  # as many channels as its input has, each with a kernel of its own
ACTIVATIONS = ("relu", "swish")
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
    """One operation; only the fields that FIELDS and OPTIONAL list for `op` are set."""

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
    norm_momentum: float | None = None  # None: NORM_MOMENTUM
    origin: Origin | None = None

    @property
    def width(self) -> int | None:
        """Filters or units; None for a layer that has as many channels as its inputs give it."""
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


def output_shape(layer: Layer, inputs: list[Shape]) -> Shape:
    """Return the shape of the layer's output, given those of its inputs.

    Raises:
        ShapeError: They do not fit.
    """
    first = inputs[0]
    if layer.op in CONVOLUTIONS:
        assert layer.kernel is not None
        assert layer.filters is not None
        return _spatial(layer, first, layer.kernel, layer.filters)
    if layer.op == DEPTHWISE:
        assert layer.kernel is not None
        return _spatial(layer, first, layer.kernel, first[-1])
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


def layer_to_json(layer: Layer) -> dict[str, Any]:
    """Return the layer as plain JSON values (the fixed form)."""
    value: dict[str, Any] = {"name": layer.name, "op": layer.op, "inputs": list(layer.inputs)}
    for key in FIELDS[layer.op]:
        item = getattr(layer, key)
        value[key] = list(item) if isinstance(item, tuple) else item
    for key, default in OPTIONAL.get(layer.op, {}).items():
        if getattr(layer, key) not in (None, default):  # so that no earlier network's hash changes
            value[key] = getattr(layer, key)
    if layer.origin is not None:
        value["origin"] = {f.name: getattr(layer.origin, f.name) for f in fields(Origin)}
    return value


def refuse_unknown(value: Mapping[str, Any], known: set[str], where: str) -> None:
    """Raise an InputError that names the first key that is not known."""
    for key in value:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(known))}")


def is_count(value: object) -> bool:
    """Return whether a value is a whole number of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_pair(value: object) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(map(is_count, value))


def _checked_field(where: str, key: str, value: Any) -> Any:
    if key in ("filters", "units") and is_count(value):
        return value
    if key in ("kernel", "strides", "pool") and _is_pair(value):
        return (value[0], value[1])
    if key == "padding" and value in ("same", "valid"):
        return value
    if key == "activation" and value in (*ACTIVATIONS, None):
        return value
    if (
        key in ("rate", "norm_momentum")
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0 <= value < 1
    ):
        return float(value)
    expected = {
        "padding": "'same' or 'valid'",
        "activation": "'relu', 'swish' or null",
        "rate": "a number in [0, 1)",
        "norm_momentum": "a number in [0, 1)",
        "filters": "a whole number >= 1",
        "units": "a whole number >= 1",
    }.get(key, "two whole numbers >= 1")
    raise InputError(f"{where}: {key}: expected {expected}, found {value!r}")


def layer_from_json(value: Mapping[str, Any], index: int) -> Layer:
    """Read the fixed form; `index` names a layer without a name in errors.

    Raises:
        InputError: Unknown or missing keys or ops, by name; values of a wrong type or range.
    """
    where = f"layer {value.get('name', index)!r}"
    op = value.get("op")
    if op not in FIELDS:
        raise InputError(f"{where}: unknown op {op!r}; known are {', '.join(FIELDS)}")
    further = OPTIONAL.get(op, {})
    known = {"name", "op", "inputs", "origin", *FIELDS[op], *further, *WEIGHT_NOTES}
    refuse_unknown(value, known, where)
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
        refuse_unknown(origin, {f.name for f in fields(Origin)}, f"{where}: origin")
    return Layer(
        name=value["name"],
        op=op,
        inputs=tuple(inputs),
        origin=None if origin is None else Origin(**origin),
        **{
            key: _checked_field(where, key, value[key])
            for key in (*FIELDS[op], *(key for key in further if key in value))
        },
    )
