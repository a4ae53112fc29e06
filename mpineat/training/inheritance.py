"""The stages in which trained weights are taken over from a smaller network and left for others.

The copies of a channel share what one channel gave: each outgoing weight is divided by shares of
its own, drawn at random. Chen et al. 2016 divide evenly and add noise, without which copies stay
copies for ever; uneven shares tell them apart and change nothing of what the network computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mpineat import weights
from mpineat.phenotype.assemble import assemble
from mpineat.phenotype.growth import NONE, Ids, Taken, grown_from
from mpineat.phenotype.network import DEPTHWISE, Layer, Network
from mpineat.tasks import Start
from mpineat.training.evaluation import Evaluation
from mpineat.training.model import initial_weights, variables

Arrays = Mapping[str, np.ndarray]

_SHARES = 204  # a word of the random generators' keys (see data.py)
_NORM_EPSILON = 1e-3  # Keras's, added to the variance
# Of a layer that passes its input on; batch normalisation then does so too, outside of training.
_NEUTRAL = {
    "bias": 0.0,
    "gamma": (1 + _NORM_EPSILON) ** 0.5,
    "beta": 0.0,
    "moving_mean": 0.0,
    "moving_variance": 1.0,
}


class Inherit:
    """Begin with the weights of the network that it grew from, where the task says so."""

    name = "inherit"
    seconds: tuple[str, ...] = ()
    reasons: Mapping[str, str] = {"infeasible": "candidate"}

    def run(self, evaluation: Evaluation) -> None:
        """Take the weights over; where their file is gone or damaged, begin as ever."""
        start, network = evaluation.task.start, evaluation.networks[-1]
        if start is None:
            return
        parent = assemble(
            start.parent,
            evaluation.input_shape,
            evaluation.classes,
            evaluation.config.search_space,
        )
        try:
            arrays = _read(evaluation.weights_folder, start, parent)
        except FileNotFoundError:
            evaluation.start = "gone"
        except weights.Damaged:
            evaluation.start = "damaged"
        else:
            evaluation.start = "inherited"
            evaluation.weights = inherited(parent, network, arrays, evaluation.task.seed)


class Leave:
    """Leave the trained weights for networks to come, where the task asks for them."""

    name = "leave"
    seconds: tuple[str, ...] = ()
    reasons: Mapping[str, str] = {}

    def run(self, evaluation: Evaluation) -> None:
        """Write them before anybody hears of them; that it cannot be done is the host's fault."""
        if evaluation.task.keep_weights and not evaluation.task.stop_after:
            trained = variables(evaluation.model, evaluation.networks[-1])
            arrays = {name: variable.numpy() for name, variable in trained.items()}
            evaluation.weights_left = weights.write(evaluation.weights_folder, arrays)


def inherited(parent: Network, child: Network, arrays: Arrays, seed: int) -> dict[str, np.ndarray]:
    """Return weights with which `child` computes what `parent` does with its own.

    Args:
        arrays: The parent's, named as in model.variables.
        seed: Of the shares and of the weights that do not matter yet.

    Raises:
        Infeasible: There are none.
    """
    taken, drawn = grown_from(parent, child), initial_weights(child, seed)
    rng = np.random.default_rng([seed, _SHARES])
    found: dict[str, np.ndarray] = {}
    for layer in child.layers:
        if layer.name not in taken:
            continue
        own = taken[layer.name]
        given = None if own.layer is None else arrays[own.layer]
        if layer.op == DEPTHWISE:
            found[layer.name] = _depthwise_kernel(own, given, drawn[layer.name])
            continue
        found[layer.name] = _kernel(own, given, drawn[layer.name], rng)
        for part in _parts(layer):
            values = np.full(len(own.outputs), _NEUTRAL[part], np.float32)
            if own.layer is not None:
                held = own.outputs != NONE
                values[held] = arrays[f"{own.layer}/{part}"][own.outputs[held]]
            found[f"{layer.name}/{part}"] = values
    return found


def _kernel(
    own: Taken, given: np.ndarray | None, drawn: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return [*window, input channels, width]."""
    kernel = drawn.copy() if own.drawn else np.zeros_like(drawn)
    rows, columns = np.flatnonzero(own.inputs != NONE), np.flatnonzero(own.outputs != NONE)
    sources, targets = own.inputs[rows], own.outputs[columns]
    if given is not None:
        values = given[..., sources, :][..., targets]
    else:
        values = np.zeros((*drawn.shape[:-2], len(rows), len(columns)), np.float32)
        values[_middle(drawn)] = sources[:, None] == targets
    kernel[..., columns] = 0.0
    kernel[..., rows[:, None], columns] = values * _shares(sources, len(columns), rng)
    return kernel


def _depthwise_kernel(own: Taken, given: np.ndarray | None, drawn: np.ndarray) -> np.ndarray:
    """Return [*window, channels, 1]."""
    if given is None:
        kernel = np.zeros_like(drawn)
        kernel[_middle(drawn)] = 1.0
        return kernel
    kernel, held = drawn.copy(), own.outputs != NONE
    kernel[..., held, :] = given[..., own.outputs[held], :]
    return kernel


def _middle(kernel: np.ndarray) -> tuple[int, ...]:
    """Return the place of a window's own pixel; an even one has its larger half behind it."""
    return tuple([(size - 1) // 2 for size in kernel.shape[:-2]])


def _shares(sources: Ids, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return [rows, width] what each copy of a channel has of each weight; 1 where it is alone."""
    if len(np.unique(sources)) == len(sources):
        return np.ones((len(sources), 1), np.float32)
    drawn = rng.uniform(0.5, 1.5, (len(sources), width))
    sums = np.zeros((sources.max() + 1, width))
    np.add.at(sums, sources, drawn)
    return np.asarray(drawn / sums[sources], np.float32)


def _parts(layer: Layer) -> tuple[str, ...]:
    normalised = layer.op == "conv2d_bn"
    return ("gamma", "beta", "moving_mean", "moving_variance") if normalised else ("bias",)


def _read(folder: Path, start: Start, parent: Network) -> Arrays:
    """Return the parent's weights by name. Raises as weights.read."""
    arrays = weights.read(folder, start.weights)
    shapes = _shapes(parent)
    if [array.shape for array in arrays] != list(shapes.values()):
        raise weights.Damaged(f"{weights.path(folder, start.weights)}: of another network")
    return dict(zip(shapes, arrays, strict=True))


def _shapes(network: Network) -> dict[str, Sequence[int]]:
    """Return the shapes of a network's weights, named and ordered as in model.variables.

    The file is read by order: an equal network of another genotype has other names.
    """
    shapes: dict[str, Sequence[int]] = {}
    for layer in network.layers:
        if layer.op == DEPTHWISE:
            shapes[layer.name] = (*(layer.kernel or ()), network.shapes[layer.name][-1], 1)
        if layer.width is not None:
            fan_in = network.shapes[layer.inputs[0]][-1]
            shapes[layer.name] = (*(layer.kernel or ()), fan_in, layer.width)
            shapes |= {f"{layer.name}/{part}": (layer.width,) for part in _parts(layer)}
    return shapes
