"""Ancestors: from whom the winner's blueprint and modules descend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpineat.evolution.state import Population, State
from mpineat.genotype.genome import Blueprint, Module

SHOWN_AT_MOST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A genome's ancestors and itself, by genome id.

    Attributes:
        births: Generation that each was bred for.
        fitness: The last that each had while it lived.
        hidden: Ancestors left out, the oldest ones.
    """

    births: Mapping[int, int]
    parents: Mapping[int, tuple[int, ...]]
    fitness: Mapping[int, float]
    hidden: int = 0


def family(genome: Module | Blueprint, states: Sequence[State]) -> Family:
    """Return the ancestry of `genome` in `states`, generation by generation."""
    blueprint = isinstance(genome, Blueprint)
    known: dict[int, Module | Blueprint] = {}
    fitness: dict[int, float] = {}
    for state in states:
        population: Population[Any] = state.blueprints if blueprint else state.modules
        known.update((member.id, member) for member in population.genomes)
        fitness.update(population.fitness)
    known[genome.id] = genome
    found: dict[int, Module | Blueprint] = {}
    waiting = [genome.id]
    while waiting:
        number = waiting.pop()
        if number in known and number not in found:
            found[number] = known[number]
            waiting.extend(known[number].parents)
    shown = sorted(found.values(), key=lambda g: (g.birth, g.id))[-SHOWN_AT_MOST:]
    ids = {member.id for member in shown}
    return Family(
        births={member.id: member.birth for member in shown},
        parents={m.id: tuple(p for p in m.parents if p in ids and p != m.id) for m in shown},
        fitness={number: fitness[number] for number in ids if number in fitness},
        hidden=len(found) - len(shown),
    )
