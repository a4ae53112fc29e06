"""What rank 0 does before a GPU sees a candidate: assemble its network, hold it to the limits."""

from __future__ import annotations

from mpineat.config import Config
from mpineat.genotype.candidate import Candidate
from mpineat.phenotype.assemble import assemble, check_limits
from mpineat.phenotype.network import Network


def build_network(
    candidate: Candidate, *, input_shape: tuple[int, int, int], classes: int, config: Config
) -> Network:
    """Return the candidate's network, within the limits of the search space.

    Raises:
        Infeasible: As `assemble` and `check_limits`.
    """
    network = assemble(candidate, input_shape, classes, config.search_space)
    check_limits(network, config.search_space, config.training.batch_size)
    return network
