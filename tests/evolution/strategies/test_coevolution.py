import pytest

from mpineat.evolution.strategies.coevolution import replace_genomes
from mpineat.evolution.strategy import select
from mpineat.genotype.validity import blueprint_problem, module_problem
from tests.evolution.values import building, config, grown, judged

OPTIONS = config(modules=40, blueprints=30, candidates=20)


def test_one_seed_gives_one_history_and_another_seed_another():
    assert grown(OPTIONS, 4) == grown(OPTIONS, 4)
    other = config(2, modules=40, blueprints=30, candidates=20)
    assert grown(OPTIONS, 0).modules.genomes != grown(other, 0).modules.genomes


@pytest.mark.parametrize("change", [{"enabled": False}, {"inherit": True, "every": 2}])
def test_compression_never_changes_populations_or_candidates(change):
    changed = OPTIONS.model_copy(
        update={"compression": OPTIONS.compression.model_copy(update=change)}
    )
    state, other = grown(OPTIONS, 0), grown(changed, 0)
    assert state == other
    strategy = select(OPTIONS)
    asked = [strategy.ask(s, c, building(c)) for s, c in ((state, OPTIONS), (other, changed))]
    assert asked[0] == asked[1]


def test_every_generation_is_whole_and_valid():
    for state in grown(OPTIONS, 10, keep=True):
        for population, size in ((state.modules, 40), (state.blueprints, 30)):
            ids = [genome.id for genome in population.genomes]
            assert ids == sorted(set(ids))
            assert len(ids) == size
            assert ids[-1] < population.next_genome
            assert sorted(id for s in population.species for id in s.members) == ids
            assert max(s.id for s in population.species) < population.next_species
            genes = [c.innovation for g in population.genomes for c in g.connections]
            assert max(genes) < population.next_innovation
            assert set(population.fitness) <= set(ids)
        assert not [p for m in state.modules.genomes if (p := module_problem(m, OPTIONS))]
        assert not [p for b in state.blueprints.genomes if (p := blueprint_problem(b, OPTIONS))]
        living = {s.id for s in state.modules.species}
        pointers = {n.species for b in state.blueprints.genomes for n in b.nodes}
        assert pointers == living


def test_equal_innovations_are_equal_genes_in_the_whole_population():
    for population in (grown(OPTIONS, 12).modules, grown(OPTIONS, 12).blueprints):
        ends = {}
        for genome in population.genomes:
            for gene in genome.connections:
                assert ends.setdefault(gene.innovation, gene[1:3]) == gene[1:3]


def test_the_best_genomes_live_on_unchanged_with_their_fitness():
    strategy = select(OPTIONS)
    state = grown(OPTIONS, 3)
    asked = strategy.ask(state, OPTIONS, building(OPTIONS))
    results = [judged(c, c.id / 1000) for c in asked.candidates]
    told = strategy.tell(asked.state, results, OPTIONS)
    bred = strategy.breed(told, OPTIONS)
    best = max(told.modules.fitness, key=lambda id: (told.modules.fitness[id], -id))
    kept = {genome.id: genome for genome in bred.modules.genomes}
    assert kept[best] == next(g for g in told.modules.genomes if g.id == best)
    assert bred.modules.fitness[best] == told.modules.fitness[best]
    best = max(told.blueprints.fitness, key=lambda id: (told.blueprints.fitness[id], -id))
    assert best in {genome.id for genome in bred.blueprints.genomes}


def test_offspring_have_living_parents_of_the_last_generation():
    states = grown(OPTIONS, 4, keep=True)
    old, new = states[-2], states[-1]
    ids = {genome.id for genome in old.modules.genomes}
    born = [g for g in new.modules.genomes if g.birth == new.generation]
    assert born
    assert all(1 <= len(g.parents) <= 2 and set(g.parents) <= ids for g in born)


def test_no_two_genomes_are_alike_after_breeding():
    state = grown(OPTIONS, 8)
    contents = [(g.nodes, g.connections, g.join) for g in state.modules.genomes]
    assert len(set(contents)) >= len(contents) - 1


def test_rejected_variations_and_mutations_are_counted():
    counts = grown(OPTIONS, 6).counts
    assert counts["crossover"] > 0
    assert counts["mutated_add_node"] > 0
    assert any(name.startswith("mutation_") for name in counts)


def test_replaced_genomes_stay_in_their_species():
    state = grown(OPTIONS, 2)
    old = state.modules.genomes[3]
    thin = old._replace(nodes=tuple(node._replace(filters=2) for node in old.nodes))
    new = replace_genomes(state, {old.id: thin, 10**6: thin}, {})
    assert new.modules.genomes[3] == thin
    assert new.modules.species == state.modules.species
    assert len(new.modules.genomes) == len(state.modules.genomes)


def test_hyperparameters_evolve_only_where_they_are_asked_for():
    assert {b.training for b in grown(OPTIONS, 3).blueprints.genomes} == {None}
    options = config(evolve_training=True)
    blueprints = grown(options, 6).blueprints.genomes
    assert len({b.training for b in blueprints}) > 1
    assert not [problem for b in blueprints if (problem := blueprint_problem(b, options))]


def test_a_whole_population_of_failures_breeds_on():
    strategy = select(OPTIONS)
    state = strategy.initial(OPTIONS)
    for fault in ("machine", "candidate", "machine"):
        asked = strategy.ask(state, OPTIONS, building(OPTIONS))
        results = [judged(c, None, fault) for c in asked.candidates]
        state = strategy.breed(strategy.tell(asked.state, results, OPTIONS), OPTIONS)
    assert len(state.modules.genomes) == 40


@pytest.mark.parametrize("elites", [0, 12])
def test_extreme_numbers_of_elites_are_possible(elites):
    options = config(elites=elites, elites_per_species=elites, modules=12, blueprints=8)
    state = grown(options, 4)
    assert len(state.modules.genomes) == 12
    if elites == 12:
        assert {g.birth for g in state.modules.genomes} == {0}
