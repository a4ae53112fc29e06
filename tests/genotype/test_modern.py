"""Genomes of the modern space: valid, varied in all that it adds, told apart, encoded."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from mpineat.config import SearchSpace
from mpineat.config.yaml_file import loads
from mpineat.errors import InputError
from mpineat.genotype.architecture import random_architecture
from mpineat.genotype.creation import random_blueprint, stage_starts
from mpineat.genotype.distance import distances, pack_blueprints, pack_modules
from mpineat.genotype.draws import Draws
from mpineat.genotype.edits import edited
from mpineat.genotype.encoding import Encoding
from mpineat.genotype.innovation import Innovations
from mpineat.genotype.settings import filters_at, random_node, shares_of_filters, vary_filters
from mpineat.genotype.validity import blueprint_problem, module_problem
from tests.strategies import MODERN, SPECIES, Nursery, seeds, steps

SPACE = MODERN.search_space


def test_what_is_written_wins_over_the_preset():
    space = loads("search_space: {preset: modern, dense_layers: 1, filters: [4, 9]}").search_space
    assert (space.dense_layers, space.filters, space.batch_norm) == (1, (4, 9), True)
    space = loads("search_space: {preset: modern, max_blueprint_nodes: 5}").search_space
    assert space.initial_blueprint_nodes == (3, 5)
    assert SearchSpace().model_dump() == SearchSpace(preset="thesis").model_dump()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("reductions: [stride]", "'none' is missing"),
        ("activations: [relu, relu]", "each choice once"),
        ("initial_reductions: [3, 1]", "the lower bound 3 is above"),
    ],
)
def test_impossible_spaces_are_refused(option, message):
    with pytest.raises(InputError, match=message):
        loads(f"search_space: {{{option}}}")


@given(seeds, steps)
@settings(max_examples=30)
def test_mutants_and_offspring_are_valid(seed, steps):
    nursery = Nursery(seed, MODERN)
    modules = [nursery.module(steps), nursery.module(2)]
    blueprints = [nursery.blueprint(steps), nursery.blueprint(2)]
    modules.append(nursery.crossed_modules(*modules))
    blueprints.append(nursery.crossed_blueprints(*blueprints))
    assert [module_problem(module, MODERN) for module in modules[:2]] == [None, None]
    assert [blueprint_problem(blueprint, MODERN) for blueprint in blueprints[:2]] == [None, None]
    parents = {node.reduction for blueprint in blueprints[:2] for node in blueprint.nodes}
    assert {node.reduction for node in blueprints[2].nodes} <= parents


def test_everything_that_the_space_adds_is_drawn_and_varied():
    nursery = Nursery(1, MODERN)
    drawn: Counter[str] = Counter()
    varied: Counter[str] = Counter()
    for _ in range(60):
        module, blueprint = nursery.module(0), nursery.blueprint(0)
        drawn.update(n for node in module.nodes for n in (node.convolution, node.activation))
        drawn.update(f"to {node.reduction}" for node in blueprint.nodes)
        drawn.update([module.join])
        after = {node.id: node for node in nursery.mutant_module(module).nodes}
        for old in module.nodes:
            if new := after.get(old.id):
                varied["convolution"] += new.convolution != old.convolution
                varied["activation"] += new.activation != old.activation
    assert set(drawn) >= {"full", "separable", "relu", "swish", "residual", "to stride"}
    assert set(drawn) >= {"to none", "to max_pooling"}
    assert min(varied["convolution"], varied["activation"]) > 0
    for _ in range(60):
        nursery.mutant_blueprint(nursery.blueprint(0))
    assert nursery.counts["mutated_switch_reduction"] > 0


def test_generation_0_falls_in_resolution_in_even_stages():
    assert [sorted(stage_starts(n, 2)) for n in (1, 2, 3, 6)] == [[0], [0, 1], [1, 2], [2, 4]]
    draws, innovations = Draws(0), Innovations(2)
    for _ in range(20):
        found = random_blueprint(0, 0, (6, 6), MODERN, innovations, draws, SPECIES)
        starts = [place for place, node in enumerate(found.nodes) if node.reduction != "none"]
        assert starts in ([2, 4], [1, 3, 4])


def test_filters_are_as_many_in_every_octave():
    space = SearchSpace.model_validate({"preset": "modern", "filters": (8, 128)})
    draws = Draws(2)
    octaves = Counter(int(np.log2(random_node(2, space, draws).filters / 8)) for _ in range(2000))
    assert all(400 < octaves[octave] < 600 for octave in range(4))
    assert [filters_at(share, space) for share in (0, 0.25, 0.5, 1)] == [8, 16, 32, 128]
    assert shares_of_filters(np.array([8, 16, 32, 128]), space) == pytest.approx([0, 0.25, 0.5, 1])


def test_perturbed_filters_move_by_one_at_least_and_stay_in_range():
    rates = MODERN.evolution.mutation.model_copy(update={"perturb": 1.0, "replace": 0.0})
    old = np.repeat([3, 5, 10], 200)
    new = vary_filters(old, SPACE, rates, np.random.default_rng(0))
    assert (new.min(), new.max()) == (3, 10)
    assert (new != old)[old == 5].all()
    inherited = vary_filters(np.full(50, 2), SPACE, rates, np.random.default_rng(0))
    assert (inherited >= 2).all()


def test_every_new_setting_counts_in_the_distance():
    nursery = Nursery(4, MODERN)
    module, blueprint = nursery.module(0), nursery.blueprint(0)
    first, pointer = module.nodes[0], blueprint.nodes[0]
    for change in ({"convolution": "full"}, {"convolution": "separable"}):
        others = [
            module._replace(nodes=(first._replace(**{"activation": end, **change}),))
            for end in ("relu", "swish")
        ]
        found = distances(pack_modules(others, MODERN), 0, MODERN.evolution.distance)
        assert found[0] == 0 < found[1]
    others = [
        blueprint._replace(nodes=(pointer._replace(reduction=kind), *blueprint.nodes[1:]))
        for kind in SPACE.reductions
    ]
    found = distances(pack_blueprints(others, MODERN), 0, MODERN.evolution.distance)
    assert found[0] == 0 < found[1] == found[2]


def test_what_is_encoded_comes_back_and_one_edit_reaches_every_setting():
    draws, encoding = Draws(1), Encoding(MODERN)
    changed: Counter[str] = Counter()
    for _ in range(80):
        parent = random_architecture(MODERN, draws)
        values, _ = encoding.choices(parent)
        back = encoding.decode(lambda position, allowed, values=values: values[position.at])
        assert back.blueprint.nodes == parent.blueprint.nodes
        for (_, module), (_, own) in zip(back.modules, parent.modules, strict=True):
            assert [n[:4] + n[5:] for n in module.nodes] == [n[:4] + n[5:] for n in own.nodes]
        child = edited(parent, MODERN, draws)
        reductions = [[n.reduction for n in one.blueprint.nodes] for one in (parent, child)]
        changed["reduction"] += reductions[0] != reductions[1]
        for place, name in ((5, "convolution"), (6, "activation")):
            pairs = zip(parent.modules, child.modules, strict=False)
            changed[name] += any(
                [n[place] for n in a.nodes] != [n[place] for n in b.nodes]
                for (_, a), (_, b) in pairs
                if len(a.nodes) == len(b.nodes)
            )
    assert min(changed[name] for name in ("reduction", "convolution", "activation")) > 0
