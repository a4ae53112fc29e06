"""Populations as tables and back: genomes, their genes one after another, species."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, Generic

from mpineat.evolution.state import GenomeT, Population, Species
from mpineat.genotype.genes import BlueprintNode, Connection, Hyperparameters, ModuleNode
from mpineat.genotype.genome import Blueprint, Module
from mpineat.store.columns import (
    BadValue,
    Columns,
    Default,
    Table,
    Tables,
    columns_of,
    defaults_of,
    from_table,
    offsets,
    to_table,
)
from mpineat.wire import Count, Finite, NonNegative, Positive

GENOMES: Columns = {
    "id": Count,
    "in_population": bool,  # these come first
    "species": Count | None,
    "parent_1": Count | None,
    "parent_2": Count | None,
    "birth_generation": Count,
    "fitness": Finite | None,
    "uses": Count | None,
    "estimated": Default(bool, False),
}
SPECIES: Columns = {
    "id": Count,
    "representative": Count,
    "representative_row": Count,
    "size": Count,
    "best_fitness": Finite | None,
    "age_generations": Count,
    "stagnation_generations": Count,
}
COUNTERS: Columns = {
    "population": str,
    "next_innovation": Count,
    "next_genome": Count,
    "next_species": Count,
    "compatibility_threshold": NonNegative,
}


@dataclass(frozen=True, slots=True)
class Genes:
    """A table that holds a list of every genome, one list after another.

    Attributes:
        single: The field is one value or None, which lies in the table as a list of one or none.
    """

    columns: Columns
    make: Callable[..., Any]
    single: bool = False


@dataclass(frozen=True, slots=True)
class Kind(Generic[GenomeT]):
    """How one kind of genome lies in tables.

    Attributes:
        name: The group: "modules" or "blueprints".
        settings: Columns of the genome table beside GENOMES; they are fields of the genome.
        lists: Fields that hold several genes or values.
        make: The genome's class.
    """

    name: str
    settings: Columns
    lists: Mapping[str, Genes]
    make: Callable[..., GenomeT]


_CONNECTIONS = Genes(columns_of(Connection), Connection)
MODULES = Kind(
    "modules",
    columns_of(Module, but=("id", "nodes", "connections", "parents", "birth")),
    {"nodes": Genes(columns_of(ModuleNode), ModuleNode), "connections": _CONNECTIONS},
    Module,
)
BLUEPRINTS = Kind(
    "blueprints",
    {},
    {
        "nodes": Genes(columns_of(BlueprintNode), BlueprintNode),
        "connections": _CONNECTIONS,
        "dense": Genes({"units": Positive}, int),
        "training": Genes(columns_of(Hyperparameters), Hyperparameters, single=True),
        "retained": Genes({"species": Count, "module": Count}, lambda *pair: pair),
    },
    Blueprint,
)


class Pool(Generic[GenomeT]):
    """The genomes of a population and, behind them, others that a species or a candidate holds."""

    def __init__(self, population: Sequence[GenomeT]) -> None:
        self.genomes: list[GenomeT] = list(population)
        self._row = {genome.id: row for row, genome in enumerate(population)}
        self._others: dict[int, list[int]] = {}

    def row(self, genome: GenomeT) -> int:
        """Return where `genome` lies in the pool, putting it there when it is new."""
        others: list[int] = self._others.get(genome.id, [])
        for row in (self._row.get(genome.id), *others):
            # Not by the id alone: a genome changes under its id when compressed sizes are
            # written back.
            if row is not None and self.genomes[row] == genome:
                return row
        self.genomes.append(genome)
        self._others[genome.id] = [*others, len(self.genomes) - 1]
        return len(self.genomes) - 1


def population_tables(
    kind: Kind[GenomeT], population: Population[GenomeT], pool: Pool[GenomeT]
) -> dict[str, Table]:
    """Return the tables of a population; call it when candidates have filled the pool."""
    species = [
        (
            one.id,
            one.representative.id,
            pool.row(one.representative),
            len(one.members),
            one.best_fitness,
            one.age,
            one.stagnation,
        )
        for one in population.species
    ]
    return {
        f"species/{kind.name}": to_table(SPECIES, species),
        f"{kind.name}/genomes": _genome_table(kind, population, pool.genomes),
        **_list_tables(kind, pool.genomes),
    }


def _genome_table(
    kind: Kind[GenomeT], population: Population[GenomeT], pool: Sequence[GenomeT]
) -> Table:
    species = {member: one.id for one in population.species for member in one.members}
    fitness, uses = population.fitness, population.uses
    known = {genome.id for genome in population.genomes}
    if not species.keys() | fitness.keys() | uses.keys() <= known:
        raise ValueError(f"{kind.name}: species, fitness or uses name a genome that is not there")
    ids: list[int] = [genome.id for genome in population.genomes]
    ids += [-1] * (len(pool) - len(ids))  # those that are gone
    everyone: Sequence[Module | Blueprint] = pool
    if any(len(genome.parents) > 2 for genome in everyone):
        raise ValueError(f"{kind.name}: a genome has more parents than the table's two columns")
    values = [
        [genome.id for genome in everyone],
        [id != -1 for id in ids],
        [species.get(id) for id in ids],
        [genome.parents[0] if genome.parents else None for genome in everyone],
        [genome.parents[1] if len(genome.parents) > 1 else None for genome in everyone],
        [genome.birth for genome in everyone],
        [fitness.get(id) for id in ids],
        [uses.get(id) for id in ids],
        [id in population.estimated for id in ids],
        *([getattr(genome, name) for genome in everyone] for name in kind.settings),
    ]
    rows = list(zip(*values, strict=True))
    return to_table({**GENOMES, **kind.settings}, rows)


def _list_tables(kind: Kind[GenomeT], pool: Sequence[GenomeT]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    begins = []
    for name, genes in kind.lists.items():
        lists: list[tuple[Any, ...]] = [getattr(genome, name) for genome in pool]
        if genes.single:
            lists = [() if value is None else (value,) for value in lists]
        values = list(chain.from_iterable(lists))
        if len(genes.columns) == 1:  # plain values
            values = list(zip(values, strict=True))
        tables[f"{kind.name}/{name}"] = to_table(genes.columns, values)
        begins.append(offsets(map(len, lists)))
    rows = list(zip(*begins, strict=True))
    return tables | {f"{kind.name}/offsets": to_table(dict.fromkeys(kind.lists, Count), rows)}


def counters_row(kind: Kind[GenomeT], population: Population[GenomeT]) -> tuple[object, ...]:
    """Return the row of COUNTERS for one population."""
    return (
        kind.name,
        population.next_innovation,
        population.next_genome,
        population.next_species,
        population.threshold,
    )


def population_from(
    kind: Kind[GenomeT], tables: Tables, counters: Sequence[Any]
) -> tuple[Population[GenomeT], list[GenomeT]]:
    """Return the population and the whole pool, whose rows candidates refer to.

    Args:
        counters: The row of COUNTERS for this population.
    """
    columns = from_table({**GENOMES, **kind.settings}, tables, f"{kind.name}/genomes")
    ids, alive, species, *parents, births, fitness, uses, guessed = columns[: len(GENOMES)]
    lists = _lists(kind, tables)
    names = ("id", *kind.settings, *kind.lists, "parents", "birth")
    both = (tuple(p for p in pair if p is not None) for pair in zip(*parents, strict=True))
    pool = [
        kind.make(**dict(zip(names, values, strict=True)))
        for values in zip(ids, *columns[len(GENOMES) :], *lists, both, births, strict=True)
    ]
    members: dict[int, list[int]] = {}
    for genome, number in zip(ids, species, strict=True):
        if number is not None:
            members.setdefault(number, []).append(genome)
    living = sum(alive)
    if not all(alive[:living]):
        raise BadValue(f"{kind.name}/genomes: those of the population do not come first")
    if any(number is not None for number in species[living:]):
        raise BadValue(f"{kind.name}/genomes: a species has a member that is gone")
    _, innovation, next_genome, next_species, threshold = counters
    population = Population(
        genomes=tuple(pool[:living]),
        species=tuple(
            Species(
                id=number,
                representative=pool[row],
                members=tuple(sorted(members.get(number, ()))),
                best_fitness=best,
                age=age,
                stagnation=stagnation,
            )
            for number, _, row, _, best, age, stagnation in zip(
                *from_table(SPECIES, tables, f"species/{kind.name}"), strict=True
            )
        ),
        threshold=threshold,
        fitness={
            genome: value for genome, value in zip(ids, fitness, strict=True) if value is not None
        },
        uses={genome: value for genome, value in zip(ids, uses, strict=True) if value is not None},
        estimated=frozenset(genome for genome, guess in zip(ids, guessed, strict=True) if guess),
        next_innovation=innovation,
        next_genome=next_genome,
        next_species=next_species,
    )
    return population, pool


def _lists(kind: Kind[GenomeT], tables: Tables) -> list[list[Any]]:
    """Return, for each list of the kind, the tuple of every genome."""
    found: list[list[Any]] = []
    for name, genes in kind.lists.items():
        path = f"{kind.name}/{name}"
        if path == "blueprints/training" and path not in tables:
            found.append(_earlier_training(tables))
            continue
        # Files from before the genome had this list hold neither table nor offsets of it.
        optional = name in defaults_of(kind.make) and path not in tables
        values = tuple(map(genes.make, *from_table(genes.columns, tables, path, optional=optional)))
        column = Default(Count, 0) if optional else Count
        [begin] = from_table({name: column}, tables, f"{kind.name}/offsets")
        if begin[:1] != [0] or begin[-1] != len(values) or begin != sorted(begin):
            raise BadValue(f"{kind.name}/offsets: {name!r} does not ascend to its table's end")
        lists: list[Any] = [values[start:end] for start, end in pairwise(begin)]
        found.append([one[0] if one else None for one in lists] if genes.single else lists)
    return found


def _earlier_training(tables: Tables) -> list[Hyperparameters | None]:
    """Return the evolved training of files in which the learning rate was a column of its own."""
    rate_alone = {"learning_rate": Default(Finite | None, None)}
    [rates] = from_table(rate_alone, tables, f"{BLUEPRINTS.name}/genomes")
    return [None if rate is None else Hyperparameters(rate) for rate in rates]
