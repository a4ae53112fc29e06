"""The test accuracy that a typical network of the search space reaches on all training images."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from mpineat.config import Augment, Dataset, Training
from mpineat.data.dataset import open_dataset
from mpineat.data.reader import Split
from mpineat.phenotype import cost
from mpineat.phenotype.network import Network
from mpineat.training import fit, model
from mpineat.training.device_data import DeviceData, scale_of, to_device


def accuracy(network: Network, options: argparse.Namespace) -> Iterator[str]:
    """Train on training and validation split together; yield a line for each epoch."""
    dataset = open_dataset(Dataset(name=options.dataset, path=options.path), options.seed)
    everything = Split(
        np.concatenate([dataset.train.x, dataset.validation.x]),
        np.concatenate([dataset.train.y, dataset.validation.y]),
    )
    scale = scale_of(dataset.train.x)
    on_device = DeviceData(
        train=to_device(everything, scale),
        validation=to_device(dataset.test, scale),
        copies=1,
        augment=Augment(),
    )
    yield (
        f"{options.dataset}: {len(everything.y):,} training and {len(dataset.test.y):,} test "
        f"images; {cost.flops(network) / 1e6:.1f} Mflops, {cost.parameters(network):,} parameters; "
        f"threads: {options.threads}"
    )
    history = fit.train(
        model.build(network, options.seed, portable=False),
        on_device,
        epochs=options.epochs,
        seed=options.seed,
        batch_size=options.batch_size,
        training=Training(jit_compile="off"),
    )
    yield "epoch    loss  accuracy  test loss  test accuracy"
    for point in history.curve:
        yield (
            f"{point.epoch:5}  {point.loss:6.3f}  {point.accuracy:8.4f}  "
            f"{point.val_loss:9.3f}  {point.val_accuracy:13.4f}"
        )
    yield (
        f"{history.steps} steps of {1000 * history.step_seconds:.2f} ms, "
        f"training {history.train_seconds:.0f} s, evaluation {history.evaluate_seconds:.1f} s, "
        f"building {history.build_seconds:.2f} s"
    )
