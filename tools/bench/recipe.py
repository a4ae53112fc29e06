"""What each part of `recipe.*` gains by itself: `tools/benchmark.py recipe PATH_OF_CIFAR10 ...`.

One fixed network, a part of CIFAR-10's training images, validated on others of them; every change
against the same training without it, from the same weights.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CHANGES: dict[str, dict[str, object]] = {
    "nothing": {},
    "augment: flip and crop": {"augment": "photographs"},
    "augment: shift by parts of a pixel": {"augment": "photographs", "whole_pixels": False},
    "label_smoothing 0.1": {"label_smoothing": 0.1},
    "weight_decay 0.05": {"weight_decay": 0.05},
    "average_epochs 3": {"average_epochs": 3},
    "measure_norms": {"measure_norms": True},
    "batch_size 256": {"batch_size": 256},
    "batch_size 256, measure_norms": {"batch_size": 256, "measure_norms": True},
    "cutout 0.25": {"cutout": 0.25},
    "mixup 0.2": {"mixup": 0.2},
}


def main(argv: list[str]) -> int:
    """Print a row a training, then the table."""
    parser = argparse.ArgumentParser(prog="benchmark.py recipe", description=__doc__)
    parser.add_argument("path")
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--changes", nargs="*", default=tuple(CHANGES), metavar="CHANGE")
    parser.add_argument("--always", nargs="*", default=(), metavar="CHANGE", help="with all others")
    options = parser.parse_args(argv)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.get_logger().setLevel("ERROR")
    for line in measure(options):
        print(line, flush=True)
    return 0


def measure(options: argparse.Namespace) -> Iterator[str]:
    """Yield what was measured, as lines."""
    from mpineat.config import Config, Dataset
    from mpineat.config.recipe import PLAIN
    from mpineat.data.dataset import open_dataset
    from mpineat.phenotype import cost

    held = 10_000  # to validate on: a standard error of half a point at most
    config = Config(
        recipe=PLAIN,
        dataset=Dataset(
            name="cifar10",
            path=options.path,
            train_examples=options.images + held,
            validation_fraction=held / (options.images + held),
        ),
    )
    data = open_dataset(config.dataset, 0)
    always = {key: value for name in options.always for key, value in CHANGES[name].items()}
    found: dict[str, list[tuple[float, float]]] = {}
    yield f"{cost.flops(network()):,} flops, {cost.parameters(network()):,} parameters"
    for seed in range(options.seeds):
        for name in options.changes:
            accuracy, seconds = train(config, {**always, **CHANGES[name]}, data, seed, options)
            found.setdefault(name, []).append((accuracy, seconds))
            yield f"{name:36} seed {seed}  {accuracy:.4f}  {seconds:.1f} s"
    for name, pairs in found.items():
        accuracy = sum(accuracy for accuracy, _ in pairs) / len(pairs)
        seconds = sum(seconds for _, seconds in pairs) / len(pairs)
        yield f"| {name} | {100 * accuracy:.1f} | {seconds:.0f} |"


def train(config, change, data, seed, options):  # type: ignore[no-untyped-def]
    """Return the validation accuracy and the processor seconds of one training."""
    from dataclasses import replace

    from mpineat.data.full_training import full
    from mpineat.training import fit, model

    change = dict(change)
    whole_pixels = change.pop("whole_pixels", True)
    changed = config.model_copy(update={"recipe": config.recipe.model_copy(update=change)})
    changed = full(changed)
    dataset = changed.dataset
    augment = dataset.augment.model_copy(update={"whole_pixels": whole_pixels})
    images = replace(fit.load(data, dataset), augment=augment)
    built = model.build(network(), seed, portable=False)
    began = time.process_time()
    fit.train(
        built,
        images,
        epochs=options.epochs,
        seed=seed,
        batch_size=changed.training.batch_size,
        training=changed.training,
        recipe=changed.recipe,
        validate=False,
    )
    seconds = time.process_time() - began
    return fit.evaluator(built, images.validation, 500)()[1], seconds


def network():  # type: ignore[no-untyped-def]
    """Return a plain network of three stages, each with batch normalisation."""
    from mpineat.phenotype.network import Layer, Network

    layers, source = [], "input"
    for number, filters in enumerate((16, 32, 64)):
        convolution, pool = f"convolution_{number}", f"pool_{number}"
        layers.append(
            Layer(
                name=convolution,
                op="conv2d_bn",
                inputs=(source,),
                filters=filters,
                kernel=(3, 3),
                strides=(1, 1),
                padding="same",
                activation="relu",
            )
        )
        layers.append(
            Layer(
                name=pool,
                op="maxpool",
                inputs=(convolution,),
                pool=(2, 2),
                strides=(2, 2),
                padding="valid",
            )
        )
        source = pool
    layers.append(Layer(name="average", op="global_average_pool", inputs=(source,)))
    layers.append(Layer(name="output", op="dense", inputs=("average",), units=10, activation=None))
    return Network((32, 32, 3), tuple(layers), "output")
