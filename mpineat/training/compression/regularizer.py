"""MorphNet's regulariser over our own Network, and the measure of a network's filters.

Gordon et al. 2018, equations 3 to 6, with the definitions of Google's library
(google-research/morph-net): filter norm r = sqrt(mean(w^2)), or |gamma| with batch normalisation;
R = max of r over the channels that are tied; term = sum over layers of C * (alive inputs * sum of
R over outputs + alive outputs * sum of R over inputs), where the alive counts carry no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from mpineat.errors import InputError
from mpineat.phenotype.channels import KEPT, ChannelPlan, Mask, Mode, Target, plan_channels
from mpineat.phenotype.network import Network
from mpineat.training.compression import group_lasso
from mpineat.training.compression.penalty import Penalty, Slopes

GAMMA = "/gamma"  # behind a layer's name: its batch norm's scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What MorphNet sees in a network with given weights.

    Attributes:
        cost: Of the alive filters, in units of the target; equals the narrowed network's in mode
            "tracked".
        term: The regularisation term, before its strength.
        alive: Convolution or dense layer -> which of its output channels are alive, [width]; None
            where the width is not up for decision: the output, and with batch norm every layer
            without one.
        full_flops: Of the whole network, one forward pass for one example.
    """

    cost: int
    term: float
    alive: Mapping[str, Mask | None]
    full_flops: int


def gamma_layers(network: Network) -> frozenset[str] | None:
    """Return the layers that the batch-norm variant regularises; None without batch norm."""
    return frozenset(layer.name for layer in network.layers if layer.op == "conv2d_bn") or None


class Regularizer:
    """The term as TensorFlow operations: a few for each layer, whatever the number of groups.

    Attributes:
        plan: The groups.
        keys: The kernels (or gammas) that are charged, in the order in which norms are listed.
        members: Group of each entry of `norms`.
    """

    def __init__(
        self, plan: ChannelPlan, network: Network, target: Target, *, l1_fraction: float = 0.0
    ) -> None:
        self.plan = plan
        self.keys = tuple(
            layer.name + (GAMMA if layer.op == "conv2d_bn" else "")
            for layer in network.layers
            if layer.name in plan.outputs and (plan.outputs[layer.name] != KEPT).any()
        )
        listed = [plan.outputs[key.removesuffix(GAMMA)] for key in self.keys]
        self.members = np.concatenate([np.zeros(0, np.int64), *listed])
        self._ends = np.cumsum([len(own) for own in listed])[:-1]
        # What is tied to the input is in a segment behind the last, which is cut off.
        self._segments = np.where(self.members == KEPT, plan.groups, self.members).astype(np.int32)
        self._one_to_one = np.array_equal(self._segments, np.arange(plan.groups))
        lasso = target == "group_lasso"
        self._sizes = group_lasso.weights(network, self.keys, GAMMA) if lasso else None
        self._l1_fraction = l1_fraction
        self._coefficients = plan.coefficients.astype(np.float32)
        sides = plan.incoming, plan.outgoing
        self._kept = np.stack([side.kept for side in sides]).astype(np.float32)  # [2, layers]
        self._times = np.concatenate([side.times for side in sides]).astype(np.float32)

    def norms(self, kernels: Mapping[str, Any]) -> tf.Tensor:
        """Return the norm of every filter of the layers `keys`, one after another; float32."""
        return self._norms(self._weights(kernels))

    def slopes(
        self, kernels: Mapping[str, Any], function: Callable[[tf.Tensor], tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Differentiate a function of the norms by the kernels.

        By hand, for a tape takes up to half as long again over a dense layer of millions of
        weights: d norm / d w = w / (n * norm), with n weights to the filter.

        Args:
            function: Of `norms`; a scalar.

        Returns:
            The function's value, and its gradient by each kernel of `keys`; 0 at zero filters.
        """
        weights = self._weights(kernels)
        norms = self._norms(weights)
        if not weights:
            return function(norms), {}
        with tf.GradientTape() as tape:
            tape.watch(norms)
            value = function(norms)
        by_norm = tape.gradient(value, norms)
        roots = norms if self._l1_fraction == 0 else self._roots(weights)
        by_root = (1 - self._l1_fraction) * tf.math.divide_no_nan(by_norm, roots)
        sizes = [w.shape[-1] for w in weights]
        found = {}
        for key, w, factor, each in zip(
            self.keys, weights, tf.split(by_root, sizes), tf.split(by_norm, sizes), strict=True
        ):
            slope = w * (factor / w.shape[0])
            if self._l1_fraction > 0:
                slope += self._l1_fraction * tf.sign(w) * (each / w.shape[0])
            found[key] = tf.reshape(slope, kernels[key].shape)
        return value, found

    def _weights(self, kernels: Mapping[str, Any]) -> list[tf.Tensor]:
        """Return the kernels of `keys`, [weights of a filter, filters]; of a gamma, one weight."""
        weights = [tf.cast(tf.convert_to_tensor(kernels[key]), tf.float32) for key in self.keys]
        return [tf.reshape(w, [-1, w.shape[-1]]) for w in weights]

    def _norms(self, weights: list[tf.Tensor]) -> tf.Tensor:
        roots = self._roots(weights)
        if self._l1_fraction == 0 or not weights:
            return roots
        mean = tf.concat([tf.reduce_mean(tf.abs(w), 0) for w in weights], 0)
        return self._l1_fraction * mean + (1 - self._l1_fraction) * roots

    @staticmethod
    def _roots(weights: list[tf.Tensor]) -> tf.Tensor:
        """Return the root mean square of every filter."""
        if not weights:
            return tf.zeros([0])
        # Of a bias's gradient TensorFlow knows how to sum columns; reduce_sum takes up to 5 times
        # as long on a CPU.
        sums = [tf.raw_ops.BiasAddGrad(out_backprop=w * w) / w.shape[0] for w in weights]
        return tf.sqrt(tf.concat(sums, 0))

    def grouped(self, norms: tf.Tensor) -> tf.Tensor:
        """Return the largest entry of each group, [groups]."""
        if self._one_to_one:
            return norms
        count = self.plan.groups
        return tf.math.unsorted_segment_max(norms, self._segments, count + 1)[:count]

    def term(self, norms: tf.Tensor, alive: tf.Tensor) -> tf.Tensor:
        """Return the regularisation term.

        Args:
            norms: As `norms` returned them.
            alive: float32 0 or 1, [groups]; group lasso asks nobody's.
        """
        if self._sizes is not None:
            return group_lasso.term(norms, self._sizes, self._segments, self.plan.groups)
        both = tf.stack([tf.stop_gradient(alive), self.grouped(norms)], axis=1)  # [groups, 2]
        sums = tf.matmul(self._times, both)  # [inputs, then outputs, of each layer; alive and R]
        alive_in, alive_out = tf.unstack(tf.reshape(sums[:, 0], self._kept.shape) + self._kept)
        sum_in, sum_out = tf.unstack(tf.reshape(sums[:, 1], self._kept.shape))
        return tf.reduce_sum(self._coefficients * (alive_in * sum_out + alive_out * sum_in))

    def thresholds(self, start: np.ndarray, threshold: float, mode: str) -> np.ndarray:
        """Return the alive threshold for each entry of `norms`.

        Args:
            start: The norms before the first step.
            mode: "absolute" takes `threshold` itself, "relative_to_init" times the median of the
                layer's `start`.
        """
        if mode == "absolute":
            return np.full(len(start), threshold, np.float32)
        medians = [np.full(len(own), np.median(own)) for own in self._split(start)]
        return (threshold * np.concatenate([np.zeros(0), *medians])).astype(np.float32)

    def alive(self, norms: np.ndarray, thresholds: np.ndarray) -> Mask:
        """Return which groups have a member whose norm is above its threshold, [groups]."""
        alive = np.zeros(self.plan.groups + 1, dtype=bool)  # the last entry takes KEPT
        alive[self.members[norms > thresholds]] = True
        return alive[:-1]

    def by_layer(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return values listed like `norms` as layer -> [width]."""
        return {
            key.removesuffix(GAMMA): own
            for key, own in zip(self.keys, self._split(values), strict=True)
        }

    def _split(self, values: np.ndarray) -> list[np.ndarray]:
        return np.split(values, self._ends) if self.keys else []

    def penalty(
        self, kernels: Mapping[str, tf.Variable], thresholds: np.ndarray, strength: float
    ) -> Penalty:
        """Return strength * term as a penalty on the kernels' present values.

        Args:
            kernels: Variables of a model, by name.
            thresholds: For each entry of `norms`.
        """

        def charged(norms: tf.Tensor) -> tf.Tensor:
            alive = self.grouped(tf.cast(norms > thresholds, tf.float32))
            return strength * self.term(norms, alive)

        def compute(variables: Sequence[tf.Variable]) -> tuple[tf.Tensor, Slopes]:
            value, slopes = self.slopes(kernels, charged)
            by_variable = {kernels[key].ref(): slope for key, slope in slopes.items()}
            return value, [by_variable.get(variable.ref()) for variable in variables]

        return compute


def measure(
    network: Network,
    kernels: Mapping[str, Any],
    threshold: float,
    mode: Mode = "tracked",
    *,
    target: Target = "flops",
    l1_fraction: float = 0.0,
) -> Measure:
    """Measure a network with given weights, for tests and for whoever wants to check a model.

    Args:
        kernels: Layer name -> array, [height, width, in, out] or [in, out]; for conv2d_bn also
            name + "/gamma", [out].
        threshold: A filter is alive while its norm is above.
        mode: Whether dead filters cheapen a dense layer behind flatten; "reference" as in
            Google's library.
        l1_fraction: Share of mean |w| in the norm, beside the root mean square.

    Raises:
        InputError: A kernel is missing or has another shape than the network's layer.
    """
    regularizer, norms, alive = _measured(network, kernels, threshold, mode, target, l1_fraction)
    plan = regularizer.plan
    term = regularizer.term(norms, tf.constant(alive, tf.float32))
    return Measure(
        cost=plan.cost(alive),
        term=float(term),
        alive={
            name: None if name in plan.protected else plan.alive(name, alive)
            for name in plan.outputs
        },
        full_flops=plan_channels(network).full_cost(),
    )


def gradients(
    network: Network,
    kernels: Mapping[str, Any],
    threshold: float,
    mode: Mode = "tracked",
    *,
    target: Target = "flops",
    l1_fraction: float = 0.0,
) -> dict[str, np.ndarray]:
    """Return the term's gradient by each kernel (or name + "/gamma"); arguments as in measure."""
    regularizer, _, alive = _measured(network, kernels, threshold, mode, target, l1_fraction)
    counted = tf.constant(alive, tf.float32)
    _, found = regularizer.slopes(kernels, lambda norms: regularizer.term(norms, counted))
    return {key: slope.numpy() for key, slope in found.items()}


def _measured(
    network: Network,
    kernels: Mapping[str, Any],
    threshold: float,
    mode: Mode,
    target: Target,
    l1_fraction: float,
) -> tuple[Regularizer, tf.Tensor, Mask]:
    plan = plan_channels(network, mode, target=target, sources=gamma_layers(network))
    regularizer = Regularizer(plan, network, target, l1_fraction=l1_fraction)
    _check_shapes(network, kernels, regularizer.keys)
    norms = regularizer.norms(kernels)
    alive = regularizer.grouped(tf.cast(norms > threshold, tf.float32)).numpy() > 0
    return regularizer, norms, alive


def _check_shapes(network: Network, kernels: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    for key in keys:
        layer = network[key.removesuffix(GAMMA)]
        fan_in = network.shapes[layer.inputs[0]][-1]
        expected = (
            (layer.width,) if key.endswith(GAMMA) else (*(layer.kernel or ()), fan_in, layer.width)
        )
        if key not in kernels:
            raise InputError(f"kernels: {key!r} is missing; expected shape {list(expected)}")
        found = tuple(kernels[key].shape)
        if found != expected:
            raise InputError(
                f"kernels: {key!r}: expected shape {list(expected)}, found {list(found)}"
            )
