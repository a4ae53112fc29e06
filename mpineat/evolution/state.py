"""State: all that evolution knows at one moment, as an immutable value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from mpineat.evolution.memory import Memory
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.tasks import Outcome

GenomeT = TypeVar("GenomeT", Module, Blueprint)
BuiltT = TypeVar("BuiltT")

WEIGHT_OF_ESTIMATE = 0.5  # beside a fitness that was measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Species(Generic[GenomeT]):
    """Genomes that compete among themselves alone.

    Attributes:
        id: Never used again after the species died.
        representative: The genome that newcomers are compared with; need not be alive.
        members: Ids of the living members, ascending.
        best_fitness: Best that any member ever had; None before the first evaluation.
        age: Generations since it was founded.
        stagnation: Generations since best_fitness rose.
    """

    id: int
    representative: GenomeT
    members: tuple[int, ...]
    best_fitness: float | None = None
    age: int = 0
    stagnation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Population(Generic[GenomeT]):
    """Modules or blueprints, in species.

    Attributes:
        genomes: Ascending by id.
        species: Ascending by id; their members partition the genomes.
        threshold: The compatibility threshold that the next speciation starts from.
        fitness: Genome id -> fitness; a genome without an entry has none yet.
        uses: Genome id -> number of this generation's candidates that counted for its fitness.
        estimated: Ids of those whose fitness rests on discarded candidates alone.
        next_innovation, next_genome, next_species: The counters, so that a resumed run continues
            them.
    """

    genomes: tuple[GenomeT, ...]
    species: tuple[Species[GenomeT], ...]
    threshold: float
    fitness: Mapping[int, float] = field(default_factory=dict)
    uses: Mapping[int, int] = field(default_factory=dict)
    estimated: frozenset[int] = frozenset()
    next_innovation: int
    next_genome: int
    next_species: int

    def records(self, living: Collection[int]) -> dict[str, Any]:
        """Return what is known of those that live on, as fields of the next population."""
        return {
            "fitness": {id: value for id, value in self.fitness.items() if id in living},
            "uses": {id: value for id, value in self.uses.items() if id in living},
            "estimated": self.estimated.intersection(living),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Both populations in one generation.

    Attributes:
        evaluated: False from `initial` or `breed` until `tell`.
        next_candidate: The next candidate's id.
        counts: Statistics of this generation by name: rejected variations ("mutation_invalid",
            "mutation_duplicate", ...) and draws ("draw_too_large", ...) by reason, mutations by
            kind ("mutated_add_node", ...), crossovers, re-pointed nodes, extinct species.
        events: Sentences for the log: re-pointed blueprints, species that died, write-backs.
        context: What stages of this generation's evaluations take from the strategy, by name;
            `initial` and `breed` may fill it.
        memory: A strategy's own knowledge, by name: numbers of any kind and shape. The store keeps
            it as it is, whatever the strategy; a strategy that does not know it hands it on.
    """

    generation: int
    evaluated: bool
    modules: Population[Module]
    blueprints: Population[Blueprint]
    next_candidate: int
    counts: Mapping[str, int] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    context: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, NDArray[Any]] = field(default_factory=Memory)

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", Memory(self.memory))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Generic[BuiltT]):
    """What `ask` returned.

    Attributes:
        state: The state with its candidate counter moved on and its counts completed.
        candidates: In the order in which `tell` wants their results.
        built: What the caller's `build` returned for each candidate.
    """

    state: State
    candidates: tuple[Candidate, ...]
    built: tuple[BuiltT, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A candidate and the outcome of its evaluation."""

    candidate: Candidate
    outcome: Outcome

    @property
    def fitness(self) -> float | None:
        """What selection uses, an estimate for a discarded candidate; None for a failed one."""
        return self.outcome.fitness if self.outcome.fitness is not None else self.outcome.estimate

    @property
    def weight(self) -> float:
        """How much that counts in a mean."""
        return WEIGHT_OF_ESTIMATE if self.outcome.status == "discarded" else 1.0
