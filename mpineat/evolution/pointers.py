"""The pointers from blueprints to module species: kept alive, spread over all species."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mpineat.config import Config
from mpineat.evolution.state import Species
from mpineat.genotype.distance import distances, pack_modules
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Blueprint, Module


def successors(
    before: Sequence[Species[Module]], after: Sequence[Species[Module]], config: Config
) -> dict[int, int]:
    """Return, for each extinct species, the living one with the nearest representative."""
    living = {species.id for species in after}
    extinct = [species for species in before if species.id not in living]
    if not extinct:
        return {}
    packed = pack_modules([species.representative for species in (*after, *extinct)], config)
    found = {}
    for place, species in enumerate(extinct, len(after)):
        row = distances(packed, place, config.evolution.distance)[: len(after)]
        found[species.id] = after[int(np.argmin(row))].id
    return found


def repoint(
    blueprints: Sequence[Blueprint],
    successor: dict[int, int],
    modules: set[int],
    counts: Counter[str],
) -> tuple[list[Blueprint], list[str]]:
    """Re-point nodes from extinct species to successors; forget retained modules that died.

    Args:
        successor: Extinct species -> living species.
        modules: Ids of the living modules.

    Returns:
        The blueprints in the same order, and a sentence for each extinct species.
    """
    found = list(blueprints)
    moved = dict.fromkeys(successor, 0)
    for place, blueprint in enumerate(blueprints):
        held = blueprint.retained
        retained = tuple([pair for pair in held if pair[0] not in successor and pair[1] in modules])
        nodes = blueprint.nodes
        if successor and any([node.species in successor for node in nodes]):
            for node in nodes:
                if node.species in successor:
                    moved[node.species] += 1
            nodes = tuple([n._replace(species=successor.get(n.species, n.species)) for n in nodes])
        elif len(retained) == len(held):
            continue
        found[place] = Blueprint(
            blueprint.id,
            nodes,
            blueprint.connections,
            blueprint.dense,
            blueprint.training,
            retained,
            blueprint.parents,
            blueprint.birth,
        )
    events = []
    for species, count in moved.items():
        counts["repointed"] += count
        events.append(
            f"module species {species} is extinct: {count} blueprint nodes re-pointed "
            f"to species {successor[species]}"
        )
    return found, events


def cover(
    blueprints: Sequence[Blueprint],
    newborn: int,
    species: Sequence[int],
    draws: Draws,
    counts: Counter[str],
) -> list[Blueprint]:
    """Point a node of some newborn blueprint to each module species that none names.

    A species that no blueprint names would never be evaluated, and would live on by luck alone.

    Args:
        newborn: Blueprints born in this generation may change.
    """
    named = Counter(node.species for blueprint in blueprints for node in blueprint.nodes)
    missing = [id for id in species if not named[id]]
    if not missing:
        return list(blueprints)
    found = list(blueprints)
    spare = draws.shuffled(
        [
            (place, i)
            for place, blueprint in enumerate(blueprints)
            if blueprint.birth == newborn
            for i in range(len(blueprint.nodes))
        ]
    )
    for place, i in spare:
        if not missing:
            break
        nodes = found[place].nodes
        if named[nodes[i].species] > 1:
            named[nodes[i].species] -= 1
            node = nodes[i]._replace(species=missing.pop(0))
            found[place] = found[place]._replace(nodes=(*nodes[:i], node, *nodes[i + 1 :]))
            counts["pointed_at_unnamed"] += 1
    return found
