"""One training on several devices of a node: each takes a share of every batch, all make one step.

Every device has a copy of all variables (tf.distribute.MirroredStrategy). The gradients of the
shares are summed, each loss divided by the size of the whole batch, so that all copies take the
step that one device would take with that batch, up to rounding. Two things are a device's own:
dropout's random numbers, and what batch normalisation normalises by; its moving mean and variance
are the mean over the devices'.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import tensorflow as tf

from mpineat import units
from mpineat.errors import InputError

Tensors = tuple[tf.Tensor, ...]


class Devices:
    """Where a training runs.

    Attributes:
        count: Of the devices that share a batch.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        """Take the devices of these names; one or none: the one that TensorFlow takes by itself."""
        self.count = max(1, len(names))
        self._strategy = _strategy(tuple(names)) if self.count > 1 else None

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Give every device a copy of each variable that is made within."""
        if self._strategy is None:
            yield
            return
        with self._strategy.scope(), tf.variable_creator_scope(_mirrored):
            yield

    def together(self, work: Callable[..., Tensors]) -> Callable[..., Tensors]:
        """Return `work` as all devices do it at once, each with its share of a batch.

        Args:
            work: Takes the batch, tensors [n, ...], and by name what is whole on every device;
                returns what is the same on all.
        """
        strategy = self._strategy
        if strategy is None:
            return work

        def work_together(*batch: tf.Tensor, **whole: tf.Tensor) -> Tensors:
            # Cut where the batch is, so that no device is sent more than its share.
            shares = strategy.experimental_distribute_values_from_function(
                lambda context: tuple(_share(part, context) for part in batch)
            )
            found = strategy.run(work, shares, whole)
            return tuple(strategy.experimental_local_results(one)[0] for one in found)

        return work_together

    def summed(
        self, gradients: Sequence[tf.Tensor | None], *values: tf.Tensor
    ) -> tuple[list[tf.Tensor | None], Tensors]:
        """Return the sums over the devices, of gradients and of other values, amid common work."""
        if self._strategy is None:
            return list(gradients), values
        there = [gradient for gradient in gradients if gradient is not None]
        context = tf.distribute.get_replica_context()
        sums = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, [*there, *values]))
        of_gradients = [None if gradient is None else next(sums) for gradient in gradients]
        return of_gradients, tuple(sums)


ONE = Devices()


def gpus(count: int) -> tuple[str, ...]:
    """Return the names of so many GPUs.

    Raises:
        InputError: There are fewer.
    """
    found = len(tf.config.list_physical_devices("GPU"))
    if found < count:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        raise InputError(
            f"--gpus {count}: TensorFlow finds {units.plural(found, 'GPU') if found else 'no GPU'} "
            + ("here" if visible is None else f"here, where CUDA_VISIBLE_DEVICES is {visible!r}")
            + (f"; ask for at most {found}, or" if found else "; leave it out to train without, or")
            + " let the batch system give this job more of one node"
        )
    return tuple(f"GPU:{number}" for number in range(count))


@cache
def _strategy(names: tuple[str, ...]) -> tf.distribute.Strategy:
    # A second one of the same devices would number its sums like the first: they would be confused.
    return tf.distribute.MirroredStrategy(list(names))


def _mirrored(create: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
    """Make a variable that a device may change: all copies take the mean, or the first's count."""
    whole = tf.as_dtype(options.get("dtype") or tf.float32).is_integer
    of = tf.VariableAggregation
    options["aggregation"] = of.ONLY_FIRST_REPLICA if whole else of.MEAN
    # Keras 2 would let each device have moving means of its own.
    options["synchronization"] = tf.VariableSynchronization.AUTO
    return create(**options)


def _share(part: tf.Tensor, context: tf.distribute.ValueContext) -> tf.Tensor:
    """Return one device's share of a batch, to which others may have one example more or less."""
    index, of, n = context.replica_id_in_sync_group, context.num_replicas_in_sync, part.shape[0]
    return part[n * index // of : n * (index + 1) // of]
