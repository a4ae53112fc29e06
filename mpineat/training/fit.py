"""Training at the device's speed: the images stay on the device, many steps are one traced call.

One call of Python for each step costs more than the step of a small network. So the loop over the
steps is part of the graph, batches are cut out of the device-resident uint8 images by index, and
the host reads the metrics once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf
from tensorflow import keras

from mpineat import config
from mpineat.config.recipe import PLAIN
from mpineat.errors import Failure
from mpineat.tasks import Epoch
from mpineat.training.average import Average
from mpineat.training.compression.penalty import Penalty, added
from mpineat.training.device_data import DeviceData, load
from mpineat.training.devices import ONE, Devices
from mpineat.training.feed import epoch_order
from mpineat.training.measure import Measured, evaluator, losses_and_hits, weighted
from mpineat.training.model import trainable
from mpineat.training.optimizer import Adam, LossScale, adam_of
from mpineat.training.recipe import softened, varied
from mpineat.training.scores import Counts
from mpineat.training.standing import Keeper, Place, Standing
from mpineat.training.stopwatch import Stopwatch, TooSlow

__all__ = ["Diverged", "History", "TooSlow", "evaluator", "load", "train"]


class Diverged(Failure):
    """The loss became NaN or infinite."""

    def __init__(self, detail: str) -> None:
        super().__init__("nan", "candidate", detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a training measured.

    Attributes:
        curve: One point an epoch; without validation its validation figures are NaN.
        confusion: Of the last validation; None unless it was asked for.
        step_seconds: Of a warm training step, mean.
        build_seconds: Tracing and the first step, in which TensorFlow optimises the graph.
        train_seconds, evaluate_seconds: The remaining steps; the validations.
    """

    curve: tuple[Epoch, ...]
    steps: int
    step_seconds: float
    build_seconds: float
    train_seconds: float
    evaluate_seconds: float
    confusion: Counts | None = None


def train(
    model: keras.Model,
    data: DeviceData,
    *,
    epochs: float,
    seed: int,
    batch_size: int,
    training: config.Training,
    recipe: config.Recipe = PLAIN,
    penalty: Penalty | None = None,
    on_chunk: Callable[[int], None] | None = None,
    on_epoch: Sequence[Callable[[Epoch], None]] = (),
    deadline: float | None = None,
    validate: bool = True,
    confusion: bool = False,
    stop_after: int = 0,
    keeper: Keeper | None = None,
    devices: Devices = ONE,
) -> History:
    """Train `model` in place with Adam on the cross-entropy of its logits.

    Args:
        epochs: Passes over the training set; a fraction stops within one.
        seed: Of the order of the examples and of their augmentation.
        training: Its `learning_rate`, `schedule`, `momentum` and `nesterov` are Adam's; its
            `jit_compile` says whether XLA compiles the step, its `metric` what is validated.
        recipe: What a full training changes; its batch and augmentation are in the arguments.
        penalty: Is added to the loss; called once, when the step is traced.
        on_chunk: Called on the host with the number of steps done: after the first and several
            times an epoch.
        on_epoch: Are called in this order with every epoch's point of the curve; what one of them
            raises ends the training.
        deadline: On the clock awake.seconds().
        validate: Whether to measure the validation split after every epoch.
        confusion: Whether to count there which class is taken for which.
        stop_after: Epochs after which to end early, with the rates of a full training; 0: never.
        keeper: Says where to go on, and hears of every place where it could; may raise what ends
            the training.
        devices: That share every batch; `model` is held by them. XLA compiles for one only.

    Raises:
        Diverged: The loss became NaN or infinite; noticed at that step.
        TooSlow: The deadline passed.
        Failure: As the functions of `on_epoch` raise it.
    """
    batch_size = min(batch_size, data.train_examples)
    steps_an_epoch = -(-data.train_examples // batch_size)
    left = max(1, round(epochs * steps_an_epoch))
    watch = Stopwatch(deadline)
    with devices.holding():
        adam = adam_of(training, trainable(model), left, decay=recipe.weight_decay)
    average = Average(model, recipe.average_epochs, recipe.measure_norms, devices)
    place = Place() if keeper is None else keeper.begin(Standing(model, adam, average))
    run = _trace(
        model,
        data,
        batch_size,
        seed,
        adam,
        recipe,
        penalty,
        training.jit_compile == "on",
        devices,
    )
    evaluate = evaluator(
        model,
        data.validation,
        batch_size,
        metric=training.metric,
        weights=data.class_weights,
        confusion=confusion,
    )
    measured = Measured(float("nan"), float("nan"))
    curve = list(place.curve)
    done = min(left, len(curve) * steps_an_epoch)
    while done < left and not 0 < stop_after <= len(curve):
        order = epoch_order(data.train_examples, batch_size, seed, len(curve))
        feed, order = data.feed(order, batch_size), tf.constant(order)
        steps = min(steps_an_epoch, left - done)
        totals, first = [tf.constant(place.loss), tf.constant(place.correct)], place.step
        while first < steps:
            last = first + watch.chunk(steps_an_epoch, called=on_chunk is not None)
            last = min(steps, last, feed.end(first))
            with watch.training(last - first):
                piece = feed.piece(first)
                *totals, finite = run(*piece, order, first, last, done, *totals)
                broken = not bool(finite)  # waits for the device
            if broken:
                raise Diverged(f"the loss became NaN or infinite in epoch {len(curve) + 1}")
            watch.check()
            first = last
            if on_chunk is not None:
                on_chunk(done + last)
            if keeper is not None:
                loss, correct = float(totals[0]), float(totals[1])
                keeper.keep(Place(curve=tuple(curve), step=last, loss=loss, correct=correct))
        place = Place()  # the next epoch begins with its first step
        done += steps
        average.ended(len(curve) + 1, -(-left // steps_an_epoch), data, batch_size, seed)
        seen = min(steps * batch_size, data.train_examples)
        with watch.evaluation():
            measured = evaluate() if validate else measured
        curve.append(
            Epoch(
                epoch=len(curve) + 1,
                loss=float(totals[0]) / seen,
                accuracy=float(totals[1]) / seen,
                val_loss=measured.loss,
                val_accuracy=measured.accuracy,
                val_metric=measured.metric,
            )
        )
        for tell in on_epoch:
            tell(curve[-1])
        watch.check()
    return History(
        curve=tuple(curve),
        steps=done,
        step_seconds=watch.step_seconds,
        build_seconds=watch.build_seconds,
        train_seconds=watch.train_seconds,
        evaluate_seconds=watch.evaluate_seconds,
        confusion=measured.confusion,
    )


def _trace(
    model: keras.Model,
    data: DeviceData,
    batch_size: int,
    seed: int,
    adam: Adam,
    recipe: config.Recipe,
    penalty: Penalty | None,
    jit_compile: bool,
    devices: Devices,
) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return the traced loop over training steps.

    It takes a piece of the epoch's images, the epoch's order of examples, the first step and the
    step behind the last one, the number of steps done in earlier epochs, and the sums of losses
    and hits so far; it returns the sums and whether every loss was finite.
    """
    examples = data.train_examples
    with devices.holding():
        scale = LossScale() if model.output.dtype == tf.float16 else None

    def learn(
        images: tf.Tensor,
        labels: tf.Tensor,
        counts: tf.Tensor,
        *mixed: tf.Tensor,
        counted: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            logits = tf.cast(model(images, training=True), tf.float32)
            losses, hits = losses_and_hits(labels, logits)
            losses = softened(losses, logits, recipe, *mixed)
            losses = weighted(losses, data.class_weights, labels, *mixed)
            total = tf.reduce_sum(losses * counts)
            objective = total / counted
            enlarged = objective if scale is None else scale.enlarge(objective)
        gradients, (total, hit, objective) = devices.summed(
            tape.gradient(enlarged, adam.variables), total, tf.reduce_sum(hits * counts), objective
        )
        if scale is not None:
            gradients = scale.restore(gradients)
        if penalty is not None:
            value, slopes = penalty(adam.variables)
            objective += value
            gradients = added(gradients, slopes)
        adam.apply(gradients, step)
        return total, hit, tf.math.is_finite(objective)

    if jit_compile and devices.count == 1:
        learn = tf.function(learn, autograph=False, jit_compile=True)
    learn = devices.together(learn)

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, *data.train.x.shape[1:]], tf.uint8),
            tf.TensorSpec([None], tf.int32),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None], tf.int32),
            *[tf.TensorSpec([], tf.int32)] * 3,
            *[tf.TensorSpec([], tf.float32)] * 2,
        ],
    )
    def run(x, rows, start, order, first, last, before, loss, correct):  # type: ignore[no-untyped-def]
        def step(index, loss, correct, finite):  # type: ignore[no-untyped-def]
            position = index * batch_size + tf.range(batch_size)
            counts = tf.cast(position < examples, tf.float32)  # the last batch is padded
            raw = tf.gather(x, tf.gather(rows, position - start))
            images, labels = data.batch(raw, tf.gather(order, position), seed, before + index)
            images, *mixed = varied(images, labels, recipe, seed, before + index)
            number = before + index + 1
            more_loss, more_correct, finite = learn(
                images, labels, counts, *mixed, counted=tf.reduce_sum(counts), step=number
            )
            return index + 1, loss + more_loss, correct + more_correct, finite

        _, loss, correct, finite = tf.while_loop(
            lambda index, loss, correct, finite: (index < last) & finite,
            step,
            (first, loss, correct, True),
            parallel_iterations=1,
        )
        return loss, correct, finite

    return run
