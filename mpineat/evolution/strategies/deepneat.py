"""DeepNEAT: one population, whose nodes are layers (Miikkulainen et al. 2017, section 3.1).

A layer is a module of one node, in a species of its own that has its number; a blueprint's nodes
point to its layers. All else is as in CoDeepNEAT: species, fitness sharing, elites, crossover along
innovation numbers, the rates of mutation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mpineat.config import Config
from mpineat.evolution import costs
from mpineat.evolution.breeding import BLUEPRINTS, Breeding
from mpineat.evolution.creation import FIRST_THRESHOLD
from mpineat.evolution.operators import BlueprintOperators
from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.species import speciate
from mpineat.evolution.state import Population, Result, Species, State
from mpineat.evolution.strategy import Strategy
from mpineat.genotype.collector import collector_paused
from mpineat.genotype.creation import random_blueprint, random_module
from mpineat.genotype.distance import Packed, pack_blueprints, pack_modules
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import OUTPUT, BlueprintNode
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.mutation import Mutation
from mpineat.genotype.settings import vary_nodes

FRESH = 2  # new layers, for each offspring, that new nodes and re-pointed ones choose from


class DeepNEAT(Strategy):
    """The strategy `deepneat`; the population holds a network for each candidate at least."""

    def initial(self, config: Config) -> State:
        """Return generation 0: chains of as many layers as CoDeepNEAT's first networks have."""
        space, evolution = config.search_space, config.evolution
        bounds = zip(space.initial_blueprint_nodes, space.initial_module_nodes, strict=True)
        fewest, most = (min(a * b, space.max_blueprint_nodes) for a, b in bounds)
        layers = Layers({}, 0, 0, config, draws_for(Purpose.CREATE_MODULES, 0, config))
        innovations = Innovations(OUTPUT + 1)
        draws = draws_for(Purpose.CREATE_BLUEPRINTS, 0, config)
        genomes = []
        for id in range(max(evolution.blueprints, evolution.candidates)):
            chain = random_blueprint(id, 0, (fewest, most), config, innovations, draws, (0,))
            nodes = [node._replace(species=layers.new()) for node in chain.nodes]
            genomes.append(chain._replace(nodes=tuple(nodes)))
        species, threshold = speciate(
            genomes, (), FIRST_THRESHOLD, evolution.blueprint_species, 0, layers.pack, config
        )
        return State(
            generation=0,
            evaluated=False,
            modules=layers.population(genomes, None),
            blueprints=Population(
                genomes=tuple(genomes),
                species=species,
                threshold=threshold,
                next_innovation=innovations.next,
                next_genome=len(genomes),
                next_species=species[-1].id + 1,
            ),
            next_candidate=0,
        )

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Return the state with fitness and costs credited to layers and blueprints."""
        return costs.tell(super().tell(state, results, config), results, config)

    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, not evaluated yet."""
        breeding = Breeding(state, config)
        with collector_paused():
            modules, blueprints = _bred(breeding, state, config)
        return breeding.ended(modules, blueprints)

    def explain(self, config: Config) -> Iterator[str]:
        """Say what bounds the depth: a reader may think of a blueprint's node as more."""
        most = config.search_space.max_blueprint_nodes
        yield f"layers        {most} at most: search_space.max_blueprint_nodes, a node being one"


def _bred(
    breeding: Breeding, state: State, config: Config
) -> tuple[Population[Module], Population[Blueprint]]:
    layers = Layers(
        {module.id: module for module in state.modules.genomes},
        state.modules.next_genome,
        breeding.generation,
        config,
        draws_for(Purpose.VARY_MODULES, breeding.generation, config),
    )
    blueprints = breeding.bred(
        state.blueprints,
        BLUEPRINTS,
        lambda mutation, draws: LayerOperators(mutation, draws, layers),
        layers.pack,
        # To retain a layer is no choice here, and would hide from `ask` that it was dealt.
        offspring=lambda genomes: [genome._replace(retained=()) for genome in genomes],
    )
    return layers.population(blueprints.genomes, state.modules), blueprints


class Layers:
    """The layers of a generation: those of its parents, and those that are made meanwhile."""

    def __init__(
        self, known: Mapping[int, Module], next: int, birth: int, config: Config, draws: Draws
    ) -> None:
        self._modules, self._next = dict(known), next
        self._birth, self._config, self._draws = birth, config, draws

    def new(self) -> int:
        """Return the number of a random layer."""
        innovations = Innovations(OUTPUT + 1)
        return self._add(
            random_module(0, 0, (1, 1), self._config, innovations, self._draws), parents=()
        )

    def varied(self, nodes: Sequence[BlueprintNode]) -> tuple[BlueprintNode, ...]:
        """Return the nodes with their layers' settings mutated, each at its rate."""
        space, rates = self._config.search_space, self._config.evolution.mutation
        layers = [self._modules[node.species] for node in nodes]
        varied = vary_nodes([layer.nodes for layer in layers], space, rates, self._draws.rng)
        found = []
        for node, old, settings in zip(nodes, layers, varied, strict=True):
            join = old.join
            if self._draws.uniform() < rates.switch_join:
                join = self._draws.choice(space.joins)
            if (settings, join) != (old.nodes, old.join):
                changed = old._replace(nodes=settings, join=join)
                node = node._replace(species=self._add(changed, parents=(old.id,)))
            found.append(node)
        return tuple(found)

    def pack(self, blueprints: Sequence[Blueprint], config: Config) -> Packed:
        """Lay out blueprints for `distances`, their nodes with their layers' settings."""
        packed = pack_blueprints(blueprints, config)
        layers = [self._modules[node.species] for genome in blueprints for node in genome.nodes]
        joins, settings, _ = pack_modules(layers, config).blocks
        own, nodes, connections = packed.blocks
        nodes = replace(nodes, numbers=settings.numbers, kinds=(*settings.kinds, *joins.kinds))
        return replace(packed, blocks=(own, nodes, connections))

    def population(
        self, blueprints: Iterable[Blueprint], before: Population[Module] | None
    ) -> Population[Module]:
        """Return the layers that the blueprints point to, as a population."""
        living = {node.species for genome in blueprints for node in genome.nodes}
        genomes = tuple([self._modules[id] for id in sorted(living)])
        old = {species.id: species for species in before.species} if before else {}
        species = []
        for layer in genomes:
            found = old.get(layer.id)
            aged = replace(found, age=found.age + 1) if found else None
            fresh = Species(id=layer.id, representative=layer, members=(layer.id,))
            species.append(aged or fresh)
        numbers = [gene.innovation + 1 for layer in genomes for gene in layer.connections]
        known = before.fitness if before else {}
        return Population(
            genomes=genomes,
            species=tuple(species),
            threshold=FIRST_THRESHOLD,
            fitness={id: value for id, value in known.items() if id in living},
            estimated=before.estimated & living if before else frozenset(),
            next_innovation=max(before.next_innovation if before else 0, *numbers),
            next_genome=self._next,
            next_species=self._next,
        )

    def _add(self, layer: Module, parents: tuple[int, ...]) -> int:
        id = self._next
        self._modules[id] = layer._replace(id=id, parents=parents, birth=self._birth)
        self._next += 1
        return id


class LayerOperators(BlueprintOperators):
    """Variation of blueprints whose nodes are layers."""

    def __init__(self, mutation: Mutation, draws: Draws, layers: Layers) -> None:
        super().__init__(mutation, draws, ())
        self._layers = layers

    def mutate(
        self, genomes: Sequence[Blueprint], ids: Sequence[int], parents: Sequence[tuple[int, ...]]
    ) -> list[Blueprint]:
        """Return a mutant of each blueprint, in its graph and in its layers."""
        fresh = [self._layers.new() for _ in range(FRESH * len(genomes))]
        mutants = self.mutation.blueprints(genomes, ids, parents, fresh)
        return [mutant._replace(nodes=self._layers.varied(mutant.nodes)) for mutant in mutants]
