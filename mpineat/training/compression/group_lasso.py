"""Group Lasso as such: every group of weights is charged alike, whatever it costs.

Yuan and Lin 2006: term = sum over groups g of sqrt(|g|) * ||w_g||, with |g| weights to the group.
A group here is what lives and dies together: all filters that are tied.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from mpineat.phenotype.network import Network

SMALLEST = 1e-30  # below it a group is zero and has no gradient; that of the root would be infinite


def weights(network: Network, keys: Sequence[str], gamma: str) -> np.ndarray:
    """Return the number of weights of each filter of the layers `keys`, one after another.

    Args:
        gamma: What the key of a batch norm's scale ends with: it is one weight to the filter.
    """
    found = [np.zeros(0)]
    for key in keys:
        layer = network[key.removesuffix(gamma)]
        fan_in = network.shapes[layer.inputs[0]][-1] * np.prod(layer.kernel or (1, 1))
        found.append(np.full(layer.width or 0, 1 if key.endswith(gamma) else fan_in))
    return np.concatenate(found).astype(np.float32)


def term(norms: tf.Tensor, sizes: np.ndarray, segments: np.ndarray, groups: int) -> tf.Tensor:
    """Return the regularisation term.

    Args:
        norms: Root mean square of each filter.
        sizes: Weights of each filter.
        segments: Group of each filter; one that is not charged is in a group behind the last.
    """
    both = tf.stack([tf.constant(sizes), sizes * norms**2], axis=1)
    sums = tf.math.unsorted_segment_sum(both, segments, groups + 1)[:groups]
    return tf.reduce_sum(tf.sqrt(tf.maximum(sums[:, 0] * sums[:, 1], SMALLEST)))
