from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mpineat.config import SearchSpace
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, Connection, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.graph import problem
from mpineat.genotype.innovation import Innovations
from mpineat.phenotype.assemble import assemble
from mpineat.phenotype.inherit import write_back
from mpineat.phenotype.narrow import keep_alive

# in -> 2 -> 3 -> out
CHAIN = (
    Connection(10, INPUT, 2, True),
    Connection(11, 2, 3, True),
    Connection(12, 3, OUTPUT, True),
)
FIRST_NEW = 50


@dataclass
class Outcome:
    candidate: int
    fitness: float | None
    network_before: dict
    network_after: dict
    metric: float | None = None


def module(id, filters=(20, 30)):
    nodes = tuple(ModuleNode(2 + i, n, 3, "none", 0.0) for i, n in enumerate(filters))
    return Module(id=id, nodes=nodes, connections=CHAIN, join="concat")


def blueprint(id, species=(1, 2), dense=(40,)):
    nodes = tuple(BlueprintNode(2 + i, n) for i, n in enumerate(species))
    return Blueprint(id=id, nodes=nodes, connections=CHAIN, dense=dense, retained=((1, 7), (2, 8)))


def candidate(id, plan, modules):
    return Candidate(id=id, generation=0, blueprint=plan, modules=tuple(modules.items()))


def evaluated(of, accuracy, left, policy="keep_strongest"):
    """Return an outcome in which the layers named in `left` keep so many of their filters."""
    before = assemble(of, (8, 8, 1), 10, SearchSpace())
    masks = {name: np.arange(before[name].width) < count for name, count in left.items()}
    after = keep_alive(before, masks, empty_layer=policy).network
    return Outcome(of.id, accuracy, before.to_json(), after.to_json())


def write(candidates, outcomes, policy="keep_strongest"):
    return write_back(
        candidates,
        outcomes,
        empty_layer=policy,
        module_innovations=Innovations(FIRST_NEW),
        blueprint_innovations=Innovations(FIRST_NEW),
    )


def filters(genome):
    return tuple(node.filters for node in genome.nodes)


def test_modules_take_their_state_from_the_best_candidate_that_used_them():
    shared, other, third = module(7), module(8), module(9)
    a = candidate(1, blueprint(1), {1: shared, 2: other})
    b = candidate(2, blueprint(2), {1: shared, 2: third})
    outcomes = [
        evaluated(a, 0.5, {"b2_n2": 5, "b3_n3": 6}),
        evaluated(b, 0.9, {"b2_n2": 9, "b3_n2": 4}),
    ]
    found = write([a, b], outcomes)
    assert {id: filters(genome) for id, genome in found.modules.items()} == {
        7: (9, 30),
        8: (20, 6),
        9: (4, 30),
    }
    assert found.blueprints == {}
    assert (
        "module 7 took its filters from candidate 2 (accuracy 0.9000): node 2 20 -> 9"
        in found.records
    )


def test_an_unchanged_state_marks_the_module_too():
    shared, other = module(7), module(8)
    a, b = (candidate(id, blueprint(id), {1: shared, 2: other}) for id in (1, 2))
    found = write([a, b], [evaluated(a, 0.9, {}), evaluated(b, 0.5, {"b2_n2": 3})])
    assert found.modules == {}


def test_of_several_states_the_one_with_most_flops_counts():
    twice = module(7)
    a = candidate(1, blueprint(1, species=(1, 1)), {1: twice})
    # Twice the filters in the second place, behind a wider input.
    found = write([a], [evaluated(a, 0.9, {"b2_n2": 4, "b2_n3": 20, "b3_n2": 8, "b3_n3": 12})])
    assert filters(found.modules[7]) == (8, 12)


def test_failed_candidates_teach_nothing():
    a = candidate(1, blueprint(1), {1: module(7), 2: module(8)})
    assert write([a], [evaluated(a, None, {"b2_n2": 4})]).modules == {}


def test_dense_units_go_into_the_blueprint():
    a = candidate(1, blueprint(1), {1: module(7), 2: module(8)})
    found = write([a], [evaluated(a, 0.9, {"dense_1": 11})])
    assert found.blueprints[1].dense == (11,)
    assert found.records == (
        "blueprint 1 took its state from candidate 1 (accuracy 0.9000): dense 40 -> 11",
    )


def test_a_vanished_convolution_leaves_the_module():
    a = candidate(1, blueprint(1), {1: module(7), 2: module(8)})
    found = write([a], [evaluated(a, 0.9, {"b2_n2": 0}, "bypass")], "bypass")
    changed = found.modules[7]
    assert [node.id for node in changed.nodes] == [3]
    assert changed.connections == (CHAIN[2], Connection(FIRST_NEW, INPUT, 3, True))
    assert problem([3], changed.connections) is None


def test_a_vanished_module_leaves_the_blueprint_and_keeps_its_own_state():
    a = candidate(1, blueprint(1), {1: module(7), 2: module(8)})
    b = candidate(2, blueprint(2), {1: module(7), 2: module(8)})
    outcomes = [
        evaluated(a, 0.9, {"b2_n2": 0, "b2_n3": 0}, "bypass"),
        evaluated(b, 0.5, {"b2_n2": 6}, "bypass"),
    ]
    found = write([a, b], outcomes, "bypass")
    changed = found.blueprints[1]
    assert [node.id for node in changed.nodes] == [3]
    assert changed.retained == ((2, 8),)
    assert problem([3], changed.connections) is None
    assert filters(found.modules[7]) == (6, 30)  # from the next candidate that has some of it left


def test_the_changed_genomes_assemble_to_the_compressed_network():
    a = candidate(1, blueprint(1), {1: module(7), 2: module(8)})
    left = {"b2_n2": 5, "b2_n3": 0, "b3_n2": 7, "b3_n3": 9, "dense_1": 12}
    outcome = evaluated(a, 0.9, left, "bypass")
    found = write([a], [outcome], "bypass")
    again = candidate(1, found.blueprints[1], {1: found.modules[7], 2: found.modules[8]})
    network = assemble(again, (8, 8, 1), 10, SearchSpace())
    assert network.to_json() == outcome.network_after
