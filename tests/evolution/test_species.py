import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.evolution.species import speciate
from mpineat.genotype.distance import distances, pack_modules
from tests.evolution.values import config, grown
from tests.strategies import WILD, families


@given(families(size=12), st.integers(1, 5), st.floats(0.01, 3))
def test_species_partition_the_population_near_the_wanted_number(family, wanted, threshold):
    genomes = sorted(family[1], key=lambda module: module.id)
    species, moved = speciate(genomes, (), threshold, wanted, 5, pack_modules, WILD)
    members = sorted(id for s in species for id in s.members)
    assert members == [genome.id for genome in genomes]
    assert all(s.representative.id in s.members for s in species)
    assert [s.id for s in species] == list(range(5, 5 + len(species)))
    structures = {frozenset(gene.innovation for gene in g.connections) for g in genomes}
    assert min(wanted, len(structures)) - 1 <= len(species) <= wanted + 1
    assert moved > 0


def test_carried_species_keep_their_ids_and_their_kind():
    state = grown(config(modules=60, module_species=4), 3).modules
    again, _ = speciate(
        state.genomes, state.species, state.threshold, 4, state.next_species, pack_modules, config()
    )
    assert {s.id for s in again} <= {s.id for s in state.species}
    before = {id: s.id for s in state.species for id in s.members}
    after = {id: s.id for s in again for id in s.members}
    assert sum(before[id] == after[id] for id in before) > 0.6 * len(before)


def test_members_are_nearest_to_their_own_representative_in_generation_0():
    state = grown(config(modules=40, module_species=3), 0).modules
    packed = pack_modules([*state.genomes, *[s.representative for s in state.species]], config())
    rows = [
        distances(packed, 40 + i, config().evolution.distance)[:40]
        for i in range(len(state.species))
    ]
    nearest = np.argmin(rows, axis=0)
    own = {id: i for i, s in enumerate(state.species) for id in s.members}
    assert [own[genome.id] for genome in state.genomes] == nearest.tolist()


@pytest.mark.parametrize("start", [0.001, 0.3, 10.0])
def test_the_threshold_is_steered_both_ways(start):
    state = grown(config(modules=80, module_species=5), 2).modules
    species, threshold = speciate(state.genomes, (), start, 5, 100, pack_modules, config())
    assert 4 <= len(species) <= 6
    assert threshold > start if start < 0.01 else True
    assert threshold < start if start > 1 else True


def test_equal_genomes_are_one_species():
    (genome, *_) = grown(config(), 0).modules.genomes
    genomes = [genome._replace(id=i) for i in range(10)]
    species, _ = speciate(genomes, (), 0.5, 3, 0, pack_modules, config())
    assert [s.members for s in species] == [tuple(range(10))]


def test_species_stay_within_one_of_the_target_generation_after_generation():
    options = config(
        modules=100, blueprints=100, module_species=6, blueprint_species=4, candidates=30
    )
    for state in grown(options, 15, keep=True)[20:]:
        assert 5 <= len(state.modules.species) <= 7
        assert 3 <= len(state.blueprints.species) <= 5
