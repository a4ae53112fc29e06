import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.evolution.selection import (
    elites,
    known_fitness,
    quotas,
    ranked,
    shares,
    surviving_species,
)
from mpineat.evolution.state import Population, Species
from tests.evolution.values import config, grown

GENOME = grown(config(), 0).modules.genomes[0]


def species(id, members, stagnation=0):
    return Species(id=id, representative=GENOME, members=tuple(members), stagnation=stagnation)


def population(kinds, fitness):
    return Population(
        genomes=(), species=tuple(kinds), threshold=1.0, fitness=fitness,
        next_innovation=2, next_genome=100, next_species=10,
    )  # fmt: skip


weights = st.lists(st.floats(0, 100), min_size=1, max_size=12)


@given(weights, st.integers(0, 500), st.data())
def test_quotas_sum_to_the_total_and_keep_every_promise(weights, extra, data):
    least = data.draw(st.lists(st.integers(0, 5), min_size=len(weights), max_size=len(weights)))
    total = sum(least) + extra
    found = quotas(weights, total, least)
    assert sum(found) == total
    assert all(number >= promise for number, promise in zip(found, least, strict=True))


@given(weights.filter(lambda w: sum(w) > 0.01), st.integers(1, 500))
def test_without_promises_a_quota_is_its_share_rounded_up_or_down(weights, total):
    for number, weight in zip(quotas(weights, total, [0] * len(weights)), weights, strict=True):
        assert abs(number - total * weight / sum(weights)) < 1 + 1e-9


def test_the_largest_remainders_get_the_seats_that_are_left():
    assert quotas([47, 16, 15.8, 12, 6.1, 3.1], 10, [0] * 6) == [5, 2, 1, 1, 1, 0]


def test_promises_beyond_the_total_are_refused():
    with pytest.raises(ValueError, match="5 places are promised"):
        quotas([1, 1], 4, [2, 3])


def test_fitness_is_shared_so_a_large_species_wins_nothing_by_its_size():
    kinds = [species(0, range(90)), species(1, range(90, 100))]
    fitness = dict.fromkeys(range(100), 0.5)
    assert shares(kinds, fitness) == [0.5, 0.5]


def test_negative_fitness_gives_shares_too():
    kinds = [species(0, [0]), species(1, [1]), species(2, [2])]
    assert shares(kinds, {0: -3.0, 1: -1.0, 2: 0.0}) == [0.0, 2.0, 3.0]


def test_a_genome_that_nobody_used_counts_as_its_species_mean():
    kinds = [species(0, [0, 1, 2]), species(1, [3])]
    found = known_fitness(population(kinds, {0: 0.2, 1: 0.6}))
    assert found[2] == pytest.approx(0.4)
    assert found[3] == pytest.approx(0.4)


def test_stagnant_species_die_but_never_the_best_nor_the_last():
    options = config(stagnation=5, min_species=2).evolution
    kinds = [species(0, [0], 9), species(1, [1], 9), species(2, [2], 9), species(3, [3], 0)]
    fitness = {0: 0.9, 1: 0.5, 2: 0.7, 3: 0.1}
    left = surviving_species(population(kinds, {}), fitness, options)
    assert [s.id for s in left] == [0, 2, 3]
    alone = surviving_species(population(kinds[:1], {}), fitness, options)
    assert [s.id for s in alone] == [0]


def test_elites_are_the_best_of_each_species_and_of_all():
    options = config(elites=2, elites_per_species=1).evolution
    fitness = {0: 0.9, 1: 0.8, 2: 0.1, 3: 0.3, 4: 0.2, 5: 0.1, 6: 0.7}
    found = elites([[0, 1, 2], [3, 4, 5], [6]], lambda members: ranked(members, fitness), options)
    assert found == [[0, 1], [3], []]
