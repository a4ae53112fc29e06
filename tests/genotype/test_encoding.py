import math
from itertools import pairwise

import numpy as np
import pytest

from mpineat.config import Config
from mpineat.genotype.architecture import Architecture, edge, random_architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.edits import edited
from mpineat.genotype.encoded_distance import Comparison
from mpineat.genotype.encoding import Encoding
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, ModuleNode
from mpineat.genotype.genome import Blueprint, Module
from mpineat.genotype.validity import candidate_problem, module_problem

CONFIG = Config.model_validate({"evolution": {"evolve_training": True}})
ENCODING = Encoding(CONFIG)


def grown(count: int) -> list[Architecture]:
    """Return random architectures, every second one a child of the one before."""
    draws = Draws(1)
    found = []
    for _ in range(count // 2):
        found.append(random_architecture(CONFIG, draws))
        found.append(edited(found[-1], CONFIG, draws))
    return found


def answered(values):
    return lambda position, allowed: values[position.at]


def test_positions_have_names_of_their_own_and_stand_where_they_say():
    positions = ENCODING.positions
    assert len({position.name for position in positions}) == len(positions)
    assert [position.at for position in positions] == list(range(len(positions)))
    assert all(math.isclose(sum(p.shares), 1) for p in positions if p.shares)


def test_what_is_encoded_comes_back():
    for architecture in grown(60):
        values, _ = ENCODING.choices(architecture)
        back = ENCODING.decode(answered(values))
        assert back.blueprint.nodes == architecture.blueprint.nodes
        assert back.blueprint.connections == architecture.blueprint.connections
        assert back.blueprint.dense == architecture.blueprint.dense
        assert np.allclose(back.blueprint.training, architecture.blueprint.training)
        for (slot, module), (same, own) in zip(back.modules, architecture.modules, strict=True):
            assert (slot, module.connections, module.join) == (same, own.connections, own.join)
            assert [n[:4] for n in module.nodes] == [n[:4] for n in own.nodes]
            for node, old in zip(module.nodes, own.nodes, strict=True):
                if node.neighbour == "dropout":  # elsewhere the rate does nothing
                    assert node.rate == pytest.approx(old.rate)
        assert ENCODING.choices(back)[0] == pytest.approx(values)


def test_any_answers_make_a_valid_network():
    rng = np.random.default_rng(2)

    def anything(position, allowed):
        return rng.integers(allowed) if position.shares else rng.random()

    for _ in range(100):
        architecture = ENCODING.decode(anything)
        assert candidate_problem(architecture.candidate(0, 0, 3)) is None
        assert not [p for _, m in architecture.modules if (p := module_problem(m, CONFIG))]


def test_a_choice_is_asked_for_only_where_it_matters():
    asked = []

    def smallest(position, allowed):
        asked.append(position.name)
        return 0

    architecture = ENCODING.decode(smallest)
    assert len(architecture.blueprint.nodes) == 1
    assert "module 1: join" not in asked
    assert "module 0, node 2: filters" not in asked
    assert "module 0, node 1: rate" not in asked  # it has no dropout
    assert "blueprint, node 1: module" not in asked  # the first node can only have the first one


def simple(filters: int, kernel: int, nodes: int = 1) -> Architecture:
    """Return one module of one convolution, so many times in a row."""
    config = Config()
    most = config.search_space.max_blueprint_nodes
    ids = (INPUT, *range(2, 2 + nodes), OUTPUT)
    chain = [edge(a, b, most) for a, b in pairwise(ids)]
    module = Module(
        0,
        (ModuleNode(2, filters, kernel, "none", 0.0),),
        (edge(INPUT, 2, 8), edge(2, OUTPUT, 8)),
        "add",
    )
    pointers = tuple(BlueprintNode(id, 0) for id in ids[1:-1])
    blueprint = Blueprint(0, pointers, tuple(sorted(chain)), (32,))
    return Architecture(blueprint, ((0, module),))


def distance(*pair: Architecture) -> float:
    encoding = Encoding(Config())
    rows = np.array([encoding.encode(one) for one in pair])
    return Comparison.of(encoding).distances(rows[:1], rows[1:]).item()


def test_the_distance_is_what_a_hand_computes():
    # Genes (weight 1): 2 nodes, 2 + 2 connections. Settings (weight 0.5): pointer, units, join,
    # filters, kernel, neighbour.
    assert distance(simple(16, 1), simple(16, 1)) == pytest.approx(0)
    everything = 6 + 0.5 * 6
    agreement = 6 + 0.5 * (6 - 1 - 0.5)  # filters from end to end of the range, half the kernels
    assert distance(simple(16, 1), simple(68, 3)) == pytest.approx(
        1 - agreement / (2 * everything - agreement)
    )
    # A node more: 0-1 is common, 1-out and 1-2, 2-out are not.
    common = 5 + 0.5 * 6
    assert distance(simple(16, 1), simple(16, 1, nodes=2)) == pytest.approx(
        1 - common / (everything + everything + 2 + 0.5 - common), abs=1e-6
    )


def test_the_distance_is_symmetric_and_its_kernel_positive_definite():
    rows = np.array([ENCODING.encode(architecture) for architecture in grown(120)])
    found = Comparison.of(ENCODING).distances(rows, rows)
    assert np.allclose(found, found.T, atol=1e-5)
    assert np.allclose(np.diag(found), 0, atol=1e-5)
    assert 0 <= found.min() <= found.max() <= 1
    for length in (0.1, 0.4, 1.6):
        assert np.linalg.eigvalsh(np.exp(-found / length)).min() > -1e-4
    # A child is nearer to its parent than others are.
    assert np.mean(found[np.arange(0, 120, 2), np.arange(1, 120, 2)]) < 0.3 * np.median(found)
