"""What a launch says first: of its options, its data and its workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mpineat import __version__, finalists, metrics, screening, units
from mpineat.config import Config
from mpineat.log import generation_row
from mpineat.store.now import Worker


def lines(
    config: Config,
    *,
    config_name: str,
    ranks: int,
    workers: Sequence[Worker],
    dataset: str,
    generation: int,
    left: int,
) -> Iterator[str]:
    """Yield them.

    Args:
        dataset: One line: name, shape, examples.
        generation: The one to be worked on, from 0.
        left: Candidates that are not evaluated yet.
    """
    evolution, compression = config.evolution, config.compression
    learning = f"MorphNet, {compression.rule}" if compression.enabled else "without compression"
    yield f"mpineat {__version__}: {evolution.strategy}, {learning}"
    yield f"configuration  {config_name}, seed {config.run.seed}"
    yield f"data set       {dataset}"
    yield f"ranks          {ranks}: {generation_row.workers_text(workers, ranks)}"
    if generation < evolution.generations:
        yield (
            f"to come        generation {generation} to {evolution.generations - 1} of "
            f"{units.plural(evolution.candidates, 'candidate')}, at most "
            f"{units.plural(left, 'training')} of "
            f"{units.plural(config.training.epochs, 'epoch')} each"
        )
    if config.training.metric != metrics.ACCURACY:
        yield f"fitness        {metrics.TITLES[config.training.metric]} on the validation images"
    if screening.epochs(config):
        yield f"discarded      {screening.described(config)}"
    if config.final.candidates:
        yield f"at the end     a final of {finalists.described(config)}"
