from mpineat.evolution.strategy import select
from tests.evolution.values import building, config, judged

ROOMY = {"max_blueprint_nodes": 12, "max_parameters": 1e9, "max_memory_mb": 1e6}
OPTIONS = config(strategy="deepneat", blueprints=20, candidates=25, space=ROOMY)


def states(count):
    """Return the told states and what was asked in them; deep networks are good here."""
    strategy = select(OPTIONS)
    state, found = strategy.initial(OPTIONS), []
    for number in range(count):
        state = strategy.breed(state, OPTIONS) if number else state
        asked = strategy.ask(state, OPTIONS, building(OPTIONS))
        results = [judged(c, len(c.blueprint.nodes) / 12) for c in asked.candidates]
        state = strategy.tell(asked.state, results, OPTIONS)
        found.append((state, asked.candidates))
    return found


def test_a_node_is_a_layer_for_ever_and_each_layer_its_own_species():
    for state, _ in states(8):
        assert {len(module.nodes) for module in state.modules.genomes} == {1}
        assert [s.members for s in state.modules.species] == [
            (s.id,) for s in state.modules.species
        ]
        named = {node.species for genome in state.blueprints.genomes for node in genome.nodes}
        assert named == {module.id for module in state.modules.genomes}


def test_a_network_is_tried_for_each_genome_of_one_population():
    for state, candidates in states(3):
        assert len(state.blueprints.genomes) == 25
        assert {c.blueprint.id for c in candidates} == {g.id for g in state.blueprints.genomes}


def test_graphs_and_layers_evolve():
    found = states(10)
    first, last = found[0][0], found[-1][0]
    longest = [max(len(g.nodes) for g in s.blueprints.genomes) for s in (first, last)]
    assert longest[1] > longest[0]
    assert any(len(g.parents) == 2 for g in last.blueprints.genomes)
    children = [module for module in last.modules.genomes if module.parents]
    assert children  # layers whose settings were mutated
    before = {m.id: m for state, _ in found for m in state.modules.genomes}
    related = [(m, before[m.parents[0]]) for m in children if m.parents[0] in before]
    assert related
    assert all((child.nodes, child.join) != (old.nodes, old.join) for child, old in related)


def test_elites_live_on_with_their_layers_and_their_fitness():
    [*_, (before, _), (after, _)] = states(5)
    best = max(before.blueprints.fitness, key=lambda id: (before.blueprints.fitness[id], -id))
    elite = next(g for g in after.blueprints.genomes if g.id == best)
    old = next(g for g in before.blueprints.genomes if g.id == best)
    assert elite.nodes == old.nodes
    layers = [{m.id: m for m in state.modules.genomes} for state in (before, after)]
    assert all(layers[0][n.species] == layers[1][n.species] for n in elite.nodes)
