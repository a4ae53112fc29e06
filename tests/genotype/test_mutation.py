from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mpineat.config import Config
from mpineat.genotype.draws import Draws
from mpineat.genotype.genes import INPUT, OUTPUT, Connection, ModuleNode
from mpineat.genotype.genome import Module
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.mutation import KINDS, Mutation
from mpineat.genotype.validity import blueprint_problem, module_problem
from tests.strategies import SPECIES, WILD, Nursery, nurseries, steps

CHAIN = Module(
    7,
    (ModuleNode(2, 20, 3, "none", 0.1), ModuleNode(3, 30, 3, "none", 0.1)),
    (Connection(4, INPUT, 2, True), Connection(5, 2, 3, True), Connection(6, 3, OUTPUT, True)),
    "add",
)


def only(**rates):
    """A configuration in which no other mutation happens."""
    options = Config().evolution.mutation.model_dump()
    still = {name: 0.0 for name in options if name != "perturb_scale"}
    return Config.model_validate({"evolution": {"mutation": {**still, **rates}}})


def mutants(config, count, module=CHAIN, first=100):
    counts = Counter()
    mutation = Mutation(config, 1, Innovations(first), Draws(1), counts)
    parents = [(module.id,)] * count
    return mutation.modules([module] * count, range(count), parents), counts


@given(nurseries, steps)
def test_mutants_are_valid_and_their_parents_stay_as_they_were(nursery, steps):
    module, blueprint = nursery.module(steps), nursery.blueprint(steps)
    before = repr((module, blueprint))
    mutant, other = nursery.mutant_module(module), nursery.mutant_blueprint(blueprint)
    assert module_problem(mutant, WILD) is None
    assert blueprint_problem(other, WILD) is None
    assert {node.species for node in other.nodes} <= set(SPECIES)
    assert repr((module, blueprint)) == before
    assert mutant.parents == (module.id,)


def test_without_rates_nothing_changes():
    found, counts = mutants(only(), 50)
    assert all(
        (m.nodes, m.connections, m.join) == (CHAIN.nodes, CHAIN.connections, "add") for m in found
    )
    assert not +counts


def test_each_structural_mutation_happens_at_its_rate_and_does_what_it_says():
    grown = {}
    for kind in KINDS:
        found, counts = mutants(only(**{kind: 0.25}), 4000)
        done = counts[f"mutated_{kind}"] + sum(
            number for name, number in counts.items() if name.startswith("mutation_")
        )
        assert 900 < done < 1100, kind
        grown[kind] = [m for m in found if m.connections != CHAIN.connections]
    assert {len(m.nodes) for m in grown["add_node"]} == {3}
    assert {len(m.nodes) for m in grown["remove_node"]} == {1}
    assert {len(m.connections) for m in grown["add_connection"]} == {4}
    # A chain depends on every connection, so these two have nothing to take away.
    assert grown["remove_connection"] == grown["toggle_connection"] == []


def test_add_node_splits_a_connection_and_keeps_it_disabled():
    mutant = mutants(only(add_node=1.0), 1)[0][0]
    disabled = [gene for gene in mutant.connections if not gene.enabled]
    (new,) = {node.id for node in mutant.nodes} - {2, 3}
    assert len(disabled) == 1
    ends = {(gene.source, gene.target) for gene in mutant.connections if gene.enabled}
    assert {(disabled[0].source, new), (new, disabled[0].target)} <= ends


def test_removing_a_node_bridges_its_neighbours():
    for mutant in mutants(only(remove_node=1.0), 20)[0]:
        (left,) = mutant.nodes
        assert {(g.source, g.target) for g in mutant.connections} == {(0, left.id), (left.id, 1)}


def test_the_same_structural_mutation_in_a_generation_gets_the_same_numbers():
    found, _ = mutants(only(add_node=1.0), 60)
    by_split = {}
    for mutant in found:
        (split,) = [gene.innovation for gene in mutant.connections if not gene.enabled]
        new = {n.id for n in mutant.nodes} - {2, 3}
        numbers = {g.innovation for g in mutant.connections} - {4, 5, 6}
        by_split.setdefault(split, set()).add((frozenset(new), frozenset(numbers)))
    assert set(by_split) == {4, 5, 6}
    assert all(len(kinds) == 1 for kinds in by_split.values())
    later, _ = mutants(only(add_node=1.0), 1, first=500)
    assert max(node.id for node in later[0].nodes) >= 500  # another generation, another number


def test_rejections_are_counted_by_reason():
    single = Module(
        1, CHAIN.nodes[:1], (Connection(4, 0, 2, True), Connection(5, 2, 1, True)), "add"
    )
    _, counts = mutants(only(remove_node=1.0), 10, single)
    assert +counts == {"mutation_empty": 10}
    full = {"search_space": {"max_module_nodes": 2}, "evolution": only(add_node=1.0).evolution}
    _, counts = mutants(Config.model_validate(full), 10)
    assert +counts == {"mutation_too_large": 10}
    _, counts = mutants(only(toggle_connection=1.0), 10)
    assert +counts == {"mutation_invalid": 10}


def test_switches_always_change_something():
    found, counts = mutants(only(switch_neighbour=1.0, switch_join=1.0), 30)
    assert all(m.join == "concat" for m in found)
    assert counts["mutated_switch_join"] == 30
    neighbours = {node.neighbour for m in found for node in m.nodes}
    assert neighbours == {"max_pooling", "dropout"}


@given(st.integers(0, 1000))
def test_perturbed_settings_move_and_stay_in_their_range(seed):
    nursery = Nursery(seed, only(perturb=1.0))
    module = nursery.module(0)
    mutant = nursery.mutant_module(module)
    low, high = nursery.config.search_space.filters
    for old, new in zip(module.nodes, mutant.nodes, strict=True):
        assert low <= new.filters <= high
        assert old.filters != new.filters or old.filters in (low, high)
        assert 0 <= new.rate <= 0.5
        assert (old.kernel, old.neighbour) == (new.kernel, new.neighbour)


def test_widths_inherited_from_compression_may_stay_below_the_range():
    thin = Module(1, (ModuleNode(2, 3, 3, "none", 0.0),), CHAIN.connections[:0], "add")
    found, _ = mutants(only(perturb=1.0), 200, thin)
    widths = {m.nodes[0].filters for m in found}
    assert min(widths) == 3
    assert any(3 < width < 16 for width in widths)


def test_repointed_nodes_point_elsewhere_to_a_living_species():
    nursery = Nursery(1, only(repoint=1.0))
    for _ in range(50):
        blueprint = nursery.blueprint(0)
        mutant = nursery.mutant_blueprint(blueprint)
        for old, new in zip(blueprint.nodes, mutant.nodes, strict=True):
            assert old.species != new.species
            assert new.species in SPECIES
