import numpy as np

from mpineat.evolution.strategies.bayesian import Table
from mpineat.evolution.strategy import select
from mpineat.genotype.architecture import Architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.encoded_distance import Comparison
from mpineat.genotype.encoding import Encoding
from tests.evolution.values import building, config, judged

OPTIONS = config(
    strategy="bayesian", candidates=8, bayesian={"initial": 8, "proposals": 60, "outcomes": 40}
)


def generations(count, fitness, options=OPTIONS):
    """Return the candidates of each generation, and the last state."""
    strategy = select(options)
    state, asked_for = strategy.initial(options), []
    for number in range(count):
        state = strategy.breed(state, options) if number else state
        asked = strategy.ask(state, options, building(options))
        asked_for.append(asked.candidates)
        results = [judged(c, fitness(c)) for c in asked.candidates]
        state = strategy.tell(asked.state, results, options)
    return asked_for, state


def kernels(candidate):
    """Return the mean kernel of a candidate's modules, as an accuracy."""
    found = [node.kernel for _, module in candidate.modules for node in module.nodes]
    return float(np.mean(found)) / 5


def test_the_first_networks_are_random_then_mutants_of_the_best():
    found, state = generations(3, kernels)
    assert {c.blueprint.parents for c in found[0]} == {()}
    assert sum(bool(c.blueprint.parents) for c in found[2]) > 4
    kept = select(OPTIONS).breed(state, OPTIONS).blueprints
    best = sorted((c for own in found for c in own), key=lambda c: (-kernels(c), c.id))[:10]
    assert {genome.id for genome in kept.genomes} == {c.id for c in best}


def test_it_finds_what_scores_well():
    found, _ = generations(8, kernels)
    means = [np.mean([kernels(c) for c in own]) for own in found]
    assert means[-1] > means[0] + 0.15


def test_a_batch_is_spread_by_what_is_under_way():
    found, _ = generations(5, kernels)
    encoding = Encoding(OPTIONS)
    rows = np.array([encoding.encode(Architecture(c.blueprint, c.modules)) for c in found[-1]])
    apart = Comparison.of(encoding).distances(rows, rows)
    assert apart[~np.eye(8, dtype=bool)].min() > 0.01


def test_the_table_holds_who_is_under_way_until_it_is_told():
    strategy = select(OPTIONS)
    asked = strategy.ask(strategy.initial(OPTIONS), OPTIONS, building(OPTIONS))
    assert asked.state.memory["ids"].tolist() == list(range(8))
    assert np.isnan(asked.state.memory["scores"]).all()
    results = [
        judged(asked.candidates[0], 0.7),
        judged(asked.candidates[1], None, "candidate"),
        judged(asked.candidates[2], None, "machine"),
    ]
    told = strategy.tell(asked.state, results, OPTIONS).memory
    assert told["ids"].tolist() == [0, 1, 3, 4, 5, 6, 7]  # the machine's fault says nothing
    assert told["scores"][:2].tolist() == [0.7, 0.7]  # the failure counts as the worst
    assert np.isnan(told["scores"][2:]).all()


def test_the_table_keeps_the_best_half_and_some_of_the_others():
    rng = np.random.default_rng(1)
    scores = rng.random(100)
    scores[7] = np.nan
    table = Table(np.arange(100), np.zeros((100, 2), np.float32), scores)
    thin = table.thinned(20, Draws(1))
    assert len(thin.ids) == 21
    assert 7 in thin.ids
    best = np.argsort(-np.nan_to_num(scores))[:10]
    assert set(best) <= set(thin.ids)
    assert np.nanmin(thin.scores) < np.median(np.nan_to_num(scores))
    assert table.thinned(99, Draws(1)) is table
