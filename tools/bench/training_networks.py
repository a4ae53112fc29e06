"""The networks that the training is measured on, of both search spaces of the thesis."""

from __future__ import annotations

from collections.abc import Sequence

from mpineat.phenotype.network import INPUT, Layer, Network

Shape = tuple[int, int, int]


def chain(
    shape: Shape, classes: int, layers: Sequence[tuple[str, float]], dense: Sequence[int]
) -> Network:
    """Return a network of layers one after another.

    Args:
        layers: ("3x3", filters), ("pool", 2) or ("dropout", rate).
        dense: Units of the dense layers before the output layer.
    """
    made: list[Layer] = []

    def add(op: str, **fields: object) -> None:
        name = "output" if fields.pop("last", False) else f"{op}_{len(made)}"
        made.append(Layer(name=name, op=op, inputs=(made[-1].name if made else INPUT,), **fields))

    for kind, value in layers:
        if kind == "pool":
            add("maxpool", pool=(2, 2), strides=(2, 2), padding="valid")
        elif kind == "dropout":
            add("dropout", rate=value)
        else:
            size = int(kind.split("x")[0])
            add(
                "conv2d",
                filters=int(value),
                kernel=(size, size),
                strides=(1, 1),
                padding="same",
                activation="relu",
            )
    add("flatten")
    for units in dense:
        add("dense", units=units, activation="relu")
    add("dense", units=classes, activation=None, last=True)
    return Network(shape, tuple(made), "output")


MNIST, CIFAR = (28, 28, 1), (32, 32, 3)

# Kernels 1, 3, 5 with 16-68 filters (thesis: MNIST, CIFAR-10), then 2-13 with 16-128 (CIFAR-100,
# Tiny ImageNet).
FIXED = {
    "a-small": chain((8, 8, 1), 10, [("3x3", 16), ("3x3", 24), ("pool", 2)], [48]),
    "a-typical": chain(
        MNIST, 10, [("3x3", 24), ("pool", 2), ("5x5", 32), ("dropout", 0.3), ("pool", 2)], [128]
    ),
    "a-large": chain(
        CIFAR, 10, [("3x3", 40), ("5x5", 40), ("pool", 2), ("3x3", 64), ("dropout", 0.25)], [128]
    ),
    "b-small": chain(CIFAR, 100, [("2x2", 16), ("pool", 2), ("4x4", 24), ("pool", 2)], [64, 64]),
    "b-typical": chain(
        CIFAR, 100, [("4x4", 32), ("pool", 2), ("7x7", 48), ("dropout", 0.2), ("pool", 2)], [96, 96]
    ),
    "b-large": chain(
        (64, 64, 3), 100, [("7x7", 32), ("pool", 2), ("9x9", 48), ("pool", 2)], [128, 128]
    ),
}

TYPICAL = {
    "mnist": chain(
        MNIST, 10, [("3x3", 24), ("pool", 2), ("3x3", 48), ("pool", 2), ("dropout", 0.25)], [128]
    ),
    "cifar10": chain(
        CIFAR,
        10,
        [("3x3", 24), ("pool", 2), ("3x3", 48), ("pool", 2), ("3x3", 48), ("dropout", 0.3)],
        [128],
    ),
}
