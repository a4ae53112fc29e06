"""`mpineat check`: what a configuration means, before a batch job is spent on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mpineat import finalists, metrics, screening
from mpineat.config import Config
from mpineat.config.yaml_file import dumps, options
from mpineat.data import contact_sheet
from mpineat.data.class_weights import described
from mpineat.data.survey import survey
from mpineat.evolution.strategy import select
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import build_network
from mpineat.phenotype.network import Network

if TYPE_CHECKING:
    from mpineat.data.dataset import Description

SAMPLE = 100  # networks that are assembled to show the range of the search space


def explain(config: Config, *, build: bool = False, sheet: Path | None = None) -> Iterator[str]:
    """Yield the lines that `check` prints: the resolved options, the data, the networks, the work.

    Args:
        build: Build the smallest and the largest sampled network in Keras as well (seconds).
        sheet: Write a picture of some images of each class there.

    Raises:
        InputError: The data cannot be read, or the search space holds no network.
    """
    read = survey(config.dataset)
    data = read.description
    config = screening.settled(config, data.train_examples)
    networks = sample(config, data)
    yield dumps(config)
    yield f"data set      {data.line(config.dataset)}"
    for line in read.lines():
        yield f"  {line}"
    for line in read.missing(config.run.seed):
        yield f"  {line}"
    if sheet is not None:
        contact_sheet.write(sheet, read.train, data.class_names)
        yield f"wrote {sheet}: images of each class beside its name"
    yield f"networks      {len(networks)} drawn as generation 0 draws them"
    batch = config.training.batch_size
    for name, figures, unit in (
        ("layers", [len(network.layers) for network in networks], ""),
        ("flops", [cost.flops(network) for network in networks], " a forward pass"),
        ("parameters", [cost.parameters(network) for network in networks], ""),
        (
            "memory",
            [cost.memory_mb(network, batch) for network in networks],
            f" MiB a training step of {batch}, estimated",
        ),
    ):
        yield f"  {name:<12}{_span(figures)}{unit}"
    evolution = config.evolution
    trainings = evolution.generations * evolution.candidates
    learning = f", each after {config.compression.epochs:g} of structure learning"
    yield (
        f"work          {trainings} trainings at most, {config.training.epochs} epochs each"
        f"{learning if config.compression.learns else ''}"
    )
    if config.training.metric != metrics.ACCURACY:
        yield f"fitness       {metrics.TITLES[config.training.metric]} on the validation images"
    if (weights := read.class_weights(config)) is not None:
        yield f"class weights {described(weights, data.class_names)}"
    if screening.epochs(config):
        yield f"discarded     {screening.described(config)}"
    yield from select(config).explain(config)
    if config.final.candidates:
        yield f"final         {finalists.described(config)}"
    if build:
        yield from _build_extremes(networks)


def sample(config: Config, data: Description) -> tuple[Network, ...]:
    """Return SAMPLE networks of generation 0."""
    strategy = select(config)
    build = partial(
        build_network, input_shape=data.input_shape, classes=data.classes, config=config
    )
    return strategy.ask(strategy.initial(config), config, build, count=SAMPLE).built


def option_lines() -> Iterator[str]:
    """Yield every option with its type, default and meaning, section by section."""
    section = ""
    for name, kind, default, meaning in options():
        if name.partition(".")[0] != section:
            section = name.partition(".")[0]
            yield f"\n{section}"
        yield f"  {name}: {kind} = {default}\n      {meaning}"


def _span(figures: Sequence[float]) -> str:
    middle = sorted(figures)[len(figures) // 2]
    return f"{min(figures):,.0f} to {max(figures):,.0f}, median {middle:,.0f}"


def _build_extremes(networks: Sequence[Network]) -> Iterator[str]:
    from mpineat.training import model

    ordered = sorted(networks, key=cost.flops)
    for name, network in (("smallest", ordered[0]), ("largest", ordered[-1])):
        built = model.build(network, seed=0)
        yield f"built         the {name} in Keras: {built.count_params():,} parameters"
