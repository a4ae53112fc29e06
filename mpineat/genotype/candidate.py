"""Candidate: a blueprint with one module for each species that it names."""

from __future__ import annotations

from dataclasses import dataclass

from mpineat.genotype.genome import Blueprint, Module


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is assembled, compressed, trained and judged as one network.

    Attributes:
        id: Unique in a run, ascending in the order of asking.
        modules: (species, module) pairs, ascending by species: one for each species of the
            blueprint's nodes.
    """

    id: int
    generation: int
    blueprint: Blueprint
    modules: tuple[tuple[int, Module], ...]
