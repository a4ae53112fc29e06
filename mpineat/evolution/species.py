"""Speciation with a steered compatibility threshold (Stanley and Miikkulainen 2002, section 3.3).

Species are carried over by their representatives, oldest first; one whose representative has come
close to an older one is merged into it. Each genome joins its nearest species; the genome farthest
from all representatives, if beyond the threshold, founds the next one (Gonzalez 1985), so a few
passes over the population do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mpineat.config import Config, Distance
from mpineat.evolution.state import GenomeT, Species
from mpineat.genotype.distance import Floats, Packed, distances

NUDGE = 1.1  # the factor that moves a threshold which gave too many or too few species
TRIES = 100  # moves in one generation while the count is off by more than one
# Representatives nearer than this share of the threshold merge. At 1 a species would be founded and
# merged away in every other generation, and blueprints would lose what they point to.
MERGING = 0.5


def speciate(
    genomes: Sequence[GenomeT],
    carried: Sequence[Species[GenomeT]],
    threshold: float,
    wanted: int,
    first_id: int,
    pack: Callable[[Sequence[GenomeT], Config], Packed],
    config: Config,
) -> tuple[tuple[Species[GenomeT], ...], float]:
    """Divide `genomes` into species.

    Args:
        genomes: Ascending by id.
        carried: Species of the last generation, ascending by id; their members are ignored.
        threshold: The compatibility threshold to start from.
        first_id: Id of the first new species.

    Returns:
        Species that partition the genomes, at most `wanted` + 1 and, where the genomes differ
        enough, at least `wanted` - 1; and the threshold for the next generation.
    """
    everyone: list[GenomeT] = list(genomes)
    everyone.extend([species.representative for species in carried])
    packed = pack(everyone, config)
    table = _Table(packed, len(genomes), config.evolution.distance)
    centres, threshold = _steer(table, threshold, wanted)
    nearest = table.nearest(centres)
    species = []
    for place, centre in enumerate(centres):
        members = np.flatnonzero(nearest == place)
        if len(members) == 0:
            continue
        closest = int(members[np.argmin(table.row(centre)[members])])
        ids = tuple([genomes[i].id for i in members.tolist()])
        if centre >= len(genomes):
            old = carried[centre - len(genomes)]
            species.append(replace(old, representative=genomes[closest], members=ids))
        else:
            species.append(Species(id=first_id, representative=genomes[closest], members=ids))
            first_id += 1
    return tuple(species), threshold


class _Table:
    """Rows of the distance matrix over genomes, then representatives, computed when needed."""

    def __init__(self, packed: Packed, genomes: int, weights: Distance) -> None:
        self.packed, self.genomes, self.weights = packed, genomes, weights
        self._rows: dict[int, Floats] = {}

    @property
    def carried(self) -> range:
        return range(self.genomes, self.packed.count)

    def row(self, index: int) -> Floats:
        if index not in self._rows:
            self._rows[index] = distances(self.packed, index, self.weights)
        return self._rows[index]

    def nearest(self, centres: Sequence[int]) -> NDArray[np.intp]:
        """Return, for each genome, the place of its nearest centre; the first of equals."""
        best = self.row(centres[0])[: self.genomes].copy()
        place = np.zeros(self.genomes, np.intp)
        for i, centre in enumerate(centres[1:], 1):
            row = self.row(centre)[: self.genomes]
            closer = row < best
            best[closer], place[closer] = row[closer], i
        return place

    def centres(self, threshold: float, most: int) -> list[int]:
        """Return the representatives and founders that `threshold` gives, at most `most`."""
        found: list[int] = []
        for index in self.carried:
            if len(found) < most and all(
                self.row(older)[index] >= MERGING * threshold for older in found
            ):
                found.append(index)
        found = found or [0]
        remote = self.row(found[0])[: self.genomes].copy()
        for index in found[1:]:
            np.minimum(remote, self.row(index)[: self.genomes], out=remote)
        while len(found) < most:
            farthest = int(np.argmax(remote))
            if remote[farthest] < threshold:
                break
            found.append(farthest)
            np.minimum(remote, self.row(farthest)[: self.genomes], out=remote)
        return found


def _steer(table: _Table, threshold: float, wanted: int) -> tuple[list[int], float]:
    """Return centres whose species number `wanted` or one beside it, and the next threshold."""
    direction = 0
    for _ in range(TRIES):
        # One species more than is allowed tells "too many".
        centres = table.centres(threshold, wanted + 2)
        count = len(np.unique(table.nearest(centres)))
        if abs(count - wanted) <= 1:
            return centres, threshold * NUDGE ** (count - wanted)
        if direction * (count - wanted) < 0:  # it jumps over the wanted number
            break
        direction = count - wanted
        threshold *= NUDGE if count > wanted else 1 / NUDGE
    if count < wanted:
        threshold /= NUDGE
    # Too many by a small step: the last founders' genomes go to the next nearest species.
    return table.centres(threshold, wanted), threshold
