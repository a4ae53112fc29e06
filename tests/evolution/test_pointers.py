from collections import Counter
from dataclasses import replace

from mpineat.evolution.pointers import cover, repoint, successors
from mpineat.genotype.draws import Draws
from tests.evolution.values import config, grown
from tests.strategies import Nursery

OPTIONS = config(modules=40, blueprints=10, module_species=4)
STATE = grown(OPTIONS, 0)


def test_an_extinct_species_is_succeeded_by_its_nearest_relative():
    first, *others = STATE.modules.species
    twin = replace(first, id=77)
    assert successors([first, *others], [twin, *others], OPTIONS) == {first.id: 77}
    assert successors(STATE.modules.species, STATE.modules.species, OPTIONS) == {}


def test_pointers_to_extinct_species_move_and_dead_modules_are_forgotten():
    blueprint = Nursery(1).blueprint(0)._replace(retained=((0, 5), (4, 6), (9, 7)))
    nodes = tuple(
        node._replace(species=species)
        for node, species in zip(blueprint.nodes, (0, 4, 9), strict=False)
    )
    blueprint = blueprint._replace(nodes=nodes)
    counts = Counter()
    (moved,), events = repoint([blueprint], {0: 4}, {6}, counts)
    assert [n.species for n in moved.nodes] == [4 if n.species == 0 else n.species for n in nodes]
    assert moved.retained == ((4, 6),)
    assert counts == {"repointed": 1}
    assert events == ["module species 0 is extinct: 1 blueprint nodes re-pointed to species 4"]


def test_every_module_species_is_named_by_some_newborn_blueprint():
    nursery = Nursery(3)
    blueprints = [nursery.blueprint(0) for _ in range(8)]
    same = [
        b._replace(birth=1, nodes=tuple(n._replace(species=3) for n in b.nodes)) for b in blueprints
    ]
    counts = Counter()
    covered = cover(same, 1, (3, 4, 5), Draws(1), counts)
    assert {n.species for b in covered for n in b.nodes} == {3, 4, 5}
    assert counts == {"pointed_at_unnamed": 2}
    assert cover(same, 2, (3, 4, 5), Draws(1), counts) == same  # elites stay as they are
