"""Who lives on and who breeds: fitness sharing, offspring quotas, stagnation, elites.

Stanley and Miikkulainen 2002, section 3.3; quotas by the largest-remainder rule (Hamilton).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mpineat.config import Evolution
from mpineat.evolution.state import GenomeT, Population, Species

Rank = Callable[[Sequence[int]], list[int]]  # ids of genomes, the best first
SMALL_SPECIES = 3  # NEAT keeps the champion of larger species; here a species of three has one too


def known_fitness(population: Population[GenomeT]) -> dict[int, float]:
    """Return a fitness for every genome: its own, or its species' or the population's mean.

    A genome that no candidate used is neither punished nor rewarded for that.
    """
    known = population.fitness
    overall = _mean(list(known.values()), 0.0)
    fitness: dict[int, float] = {}
    for species in population.species:
        mean = _mean([known[id] for id in species.members if id in known], overall)
        for id in species.members:
            fitness[id] = known.get(id, mean)
    return fitness


def ranked(members: Sequence[int], fitness: Mapping[int, float]) -> list[int]:
    """Return ids by falling fitness, the older first among equals."""
    return sorted(members, key=lambda id: (-fitness[id], id))


def surviving_species(
    population: Population[GenomeT], fitness: Mapping[int, float], evolution: Evolution
) -> tuple[Species[GenomeT], ...]:
    """Return the species that do not stagnate; the best one and the best few never die of it."""
    best = {
        id: max(fitness[member] for member in members)
        for id, members in ((species.id, species.members) for species in population.species)
    }
    order = sorted(population.species, key=lambda species: (-best[species.id], species.id))
    protected = max(1, evolution.min_species)
    alive = {
        species.id
        for place, species in enumerate(order)
        if place < protected or species.stagnation < evolution.stagnation
    }
    return tuple(species for species in population.species if species.id in alive)


def shares(species: Sequence[Species[GenomeT]], fitness: Mapping[int, float]) -> list[float]:
    """Return each species' sum of adjusted fitness.

    A genome's adjusted fitness is its fitness over its species' size (explicit fitness sharing), so
    the sum is the species' mean. Negative fitness is shifted to begin at 0, which a share needs.
    """
    means = [sum(fitness[id] for id in s.members) / len(s.members) for s in species]
    lowest = min(0.0, *means)
    return [mean - lowest for mean in means]


def quotas(weights: Sequence[float], total: int, least: Sequence[int]) -> list[int]:
    """Divide `total` in proportion to `weights` by the largest-remainder rule.

    Args:
        least: What each gets at least.

    Raises:
        ValueError: The least numbers together exceed the total.
    """
    if sum(least) > total:
        raise ValueError(f"{sum(least)} places are promised, but there are only {total}")
    found = list(least)
    open_ = list(range(len(weights)))
    # Who is due less than promised keeps the promise, and the others divide the rest.
    while open_:
        rest = total - sum(least[i] for i in range(len(least)) if i not in open_)
        weight = sum(weights[i] for i in open_)
        due = {i: rest * weights[i] / weight if weight > 0 else rest / len(open_) for i in open_}
        short = [i for i in open_ if due[i] < least[i]]
        if not short:
            for i in open_:
                found[i] = int(due[i])
            left = total - sum(found)
            for i in sorted(open_, key=lambda i: (found[i] - due[i], i))[:left]:
                found[i] += 1
            break
        open_ = [i for i in open_ if i not in short]
    return found


def elites(rankings: Sequence[Sequence[int]], rank: Rank, evolution: Evolution) -> list[list[int]]:
    """Return, for each species, the members that live on unchanged, best first.

    Args:
        rankings: Each species' members, the best first, without those that are only estimated.
        rank: How the best few of all species are compared.
    """
    # The best of all are among the best of each.
    best_few = [id for order in rankings for id in order[: evolution.elites]]
    overall = set(rank(best_few)[: evolution.elites])
    return [
        [
            id
            for place, id in enumerate(order[: max(evolution.elites, evolution.elites_per_species)])
            if id in overall
            or (place < evolution.elites_per_species and len(order) >= SMALL_SPECIES)
        ]
        for order in rankings
    ]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
