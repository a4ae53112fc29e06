"""A network at other flops than those that it was born with, for the export.

Below, the compression narrows it: a structure learning, then the budget of flops. Above, all its
widths are multiplied alike, which is MorphNet's expansion (Gordon et al. 2018, algorithm 1).
"""

from __future__ import annotations

from mpineat import units
from mpineat.config import Config
from mpineat.data.dataset import Dataset
from mpineat.errors import Failure, InputError
from mpineat.phenotype import cost
from mpineat.phenotype.narrow import widened
from mpineat.phenotype.network import Network
from mpineat.training.compression import structure
from mpineat.training.device_data import grow_gpu_memory, load, room


def at_flops(network: Network, config: Config, dataset: Dataset, flops: float) -> Network:
    """Return `network` with widths at which a forward pass costs at most `flops`.

    Raises:
        InputError: It cannot be so narrow, or the structure learning came to nothing.
    """
    full = cost.flops(network)
    if flops >= full:
        return widened(network, flops)
    narrowed = _narrowed(network, config, dataset, flops / full)
    if cost.flops(narrowed) > flops:
        raise InputError(
            f"--flops {flops:g}: this network needs at least {units.count(cost.flops(narrowed))} "
            f"flops with compression.rule {_rule(config)}; {units.count(full)} at full width"
        )
    return narrowed


def _narrowed(network: Network, config: Config, dataset: Dataset, share: float) -> Network:
    grow_gpu_memory()
    options = config.compression.model_copy(
        update={
            "rule": _rule(config),
            "target_flops": share,
            "iterations": 1,
            "width_multiplier": 1.0,
        }
    )
    try:
        learned = structure.compress(
            network,
            load(dataset, config.dataset, room()),
            config.model_copy(update={"compression": options}),
            seed=config.run.seed,
            batch_size=config.training.batch_size,
        )
    except Failure as error:
        raise InputError(f"the structure learning: {error}; try --width full") from error
    return learned.network


def _rule(config: Config) -> str:
    """Return the compression's own rule, but where that one knows no budget."""
    rule = config.compression.rule
    return "budget" if rule == "threshold" else rule
