from collections import Counter

import pytest

from mpineat.config import Config
from mpineat.genotype.architecture import (
    NEW,
    arranged,
    edge,
    first_free,
    numbered,
    random_architecture,
)
from mpineat.genotype.draws import Draws
from mpineat.genotype.edits import edited
from mpineat.genotype.genes import INPUT, OUTPUT
from mpineat.genotype.validity import blueprint_problem, candidate_problem, module_problem
from tests.strategies import Nursery

CONFIG = Config()
EVOLVED = Config.model_validate({"evolution": {"evolve_training": True}})
NARROW = Config.model_validate(
    {
        "search_space": {
            "max_module_nodes": 1,
            "max_blueprint_nodes": 1,
            "initial_module_nodes": [1, 1],
            "initial_blueprint_nodes": [1, 1],
            "kernel_sizes": [3],
            "joins": ["add"],
            "neighbours": ["none"],
            "filters": [8, 8],
            "dense_layers": 0,
        },
        "evolution": {"module_species": 1},
    }
)


@pytest.mark.parametrize("config", [CONFIG, EVOLVED, NARROW], ids=["usual", "evolved", "narrow"])
def test_random_and_edited_architectures_are_valid_candidates(config):
    draws = Draws(1)
    architecture = random_architecture(config, draws)
    for step in range(200):
        candidate = architecture.candidate(step, 3, config.evolution.module_species)
        assert candidate_problem(candidate) is None
        assert blueprint_problem(candidate.blueprint, config) is None
        assert not [p for _, m in candidate.modules if (p := module_problem(m, config))]
        architecture = edited(architecture, config, draws)


def test_random_architectures_span_the_search_space():
    draws = Draws(2)
    found = [random_architecture(CONFIG, draws) for _ in range(300)]
    assert {len(a.blueprint.nodes) for a in found} == set(range(1, 9))
    assert {len(a.modules) for a in found} == {1, 2, 3}
    assert any(len(a.blueprint.connections) > len(a.blueprint.nodes) + 1 for a in found)


def test_an_edit_changes_something_and_touches_one_genome():
    draws = Draws(3)
    for _ in range(200):
        parent = random_architecture(CONFIG, draws)
        child = edited(parent, CONFIG, draws)
        assert child.content != parent.content
        before = Counter((m.nodes, m.connections, m.join) for _, m in parent.modules)
        after = Counter((m.nodes, m.connections, m.join) for _, m in child.modules)
        # A blueprint's edit may bring a variant of a module in, or leave one without a node.
        assert (after - before).total() <= 1
        assert (before - after).total() <= 1


def test_an_edit_leaves_its_parent_alone():
    draws = Draws(4)
    parent = random_architecture(CONFIG, draws)
    content = parent.content
    for _ in range(50):
        edited(parent, CONFIG, draws)
    assert parent.content == content


def test_genes_of_equal_graphs_are_equal_whatever_their_history():
    nursery = Nursery(5)
    for _ in range(30):
        module = nursery.module(12)
        found = numbered(module, 8)
        assert numbered(found, 8) == found
        assert [node.id for node in found.nodes] == list(range(2, 2 + len(found.nodes)))
        assert len(found.connections) == sum(gene.enabled for gene in module.connections)
        assert all(gene.target == OUTPUT or gene.source < gene.target for gene in found.connections)
        assert sorted(n[1:] for n in found.nodes) == sorted(n[1:] for n in module.nodes)


def test_connections_have_numbers_of_their_own():
    ids = [INPUT, *range(2, 10), OUTPUT]
    numbers = [edge(a, b, 8).innovation for i, b in enumerate(ids) for a in ids[:i]]
    assert len(set(numbers)) == len(numbers) == 45
    assert min(numbers) > 9  # beyond the nodes' ids
    assert first_free(8) == max(numbers) + 1


def test_slots_are_numbered_as_the_nodes_name_them_and_filled():
    draws = Draws(6)
    parent = random_architecture(CONFIG, draws)
    while len(parent.modules) < 3:
        parent = random_architecture(CONFIG, draws)
    swapped = [node._replace(species=2 - node.species) for node in parent.blueprint.nodes]
    blueprint = parent.blueprint._replace(nodes=tuple(swapped))
    modules = {2 - slot: module for slot, module in parent.modules}
    assert arranged(blueprint, modules, CONFIG, draws).content == parent.content
    del modules[0]
    assert [slot for slot, _ in arranged(blueprint, modules, CONFIG, draws).modules] == [0, 1, 2]


def test_a_candidate_descends_from_the_genomes_that_it_was_made_of():
    draws = Draws(7)
    first = random_architecture(CONFIG, draws)
    assert first.blueprint.id == NEW
    parent = first.candidate(4, 0, 3)
    assert parent.blueprint.parents == ()
    assert [m.id for _, m in parent.modules] == [12 + slot for slot, _ in parent.modules]
    assert parent.blueprint.retained == tuple((slot, m.id) for slot, m in parent.modules)
    alive = arranged(parent.blueprint, dict(parent.modules), CONFIG, draws)
    child = edited(alive, CONFIG, draws).candidate(9, 1, 3)
    assert child.blueprint.parents == (4,)
    known = {m.id for _, m in parent.modules}
    assert all(not m.parents or set(m.parents) <= known for _, m in child.modules)
    assert {child.blueprint.birth, *(m.birth for _, m in child.modules)} == {1}


def test_a_module_that_an_edit_brings_in_is_one_edit_from_another():
    draws = Draws(8)
    brought = []
    while len(brought) < 5:
        parent = random_architecture(CONFIG, draws)
        child = edited(parent, CONFIG, draws)
        if len(child.modules) > len(parent.modules):
            [new] = [m for _, m in child.modules if m not in [m for _, m in parent.modules]]
            brought.append((new, parent))
    for new, parent in brought:
        sizes = [len(m.nodes) for _, m in parent.modules]
        assert min(abs(len(new.nodes) - size) for size in sizes) <= 1
