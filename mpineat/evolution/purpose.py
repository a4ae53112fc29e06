"""What random numbers are drawn for: each purpose of each generation has its own stream."""

from __future__ import annotations

from enum import IntEnum, auto

from mpineat.config import Config
from mpineat.genotype.draws import Draws


class Purpose(IntEnum):
    """Third part of a stream's key. Append only: the order is part of what a seed means."""

    CREATE_MODULES = auto()
    CREATE_BLUEPRINTS = auto()
    PARENTS_OF_MODULES = auto()
    PARENTS_OF_BLUEPRINTS = auto()
    VARY_MODULES = auto()
    VARY_BLUEPRINTS = auto()
    POINTERS = auto()
    CANDIDATES = auto()
    OWN = auto()  # of a strategy that needs draws beside these


def draws_for(purpose: Purpose, generation: int, config: Config, *more: int) -> Draws:
    """Open the stream of `purpose` in `generation`; `more` tells its parts apart."""
    return Draws(config.run.seed, generation, purpose, *more)
