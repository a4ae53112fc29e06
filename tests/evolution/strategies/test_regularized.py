from mpineat.evolution.strategy import select
from tests.evolution.values import building, config, judged

POPULATION = 6
OPTIONS = config(
    strategy="regularized_evolution",
    candidates=4,
    regularized_evolution={"population": POPULATION, "sample": 3},
)


def generation(state, fitness, options=OPTIONS):
    """Evaluate the next generation; return the candidates and the state after them."""
    strategy = select(options)
    state = strategy.initial(options) if state is None else strategy.breed(state, options)
    asked = strategy.ask(state, options, building(options))
    results = [judged(c, fitness(c)) for c in asked.candidates]
    return asked.candidates, strategy.tell(asked.state, results, options)


def test_the_first_networks_are_random_and_all_others_have_a_parent():
    state, parents = None, []
    for _ in range(5):
        candidates, state = generation(state, lambda c: 0.5)
        parents += [c.blueprint.parents for c in candidates]
    # Until as many as the population holds are evaluated, nobody is chosen.
    assert parents[:8] == [()] * 8
    assert all(len(own) == 1 for own in parents[8:])


def test_the_oldest_dies_however_good_it_was():
    state = None
    for number in range(4):
        _, state = generation(state, lambda c: 1 - c.id / 100)
        bred = select(OPTIONS).breed(state, OPTIONS)
        alive = [genome.id for genome in bred.blueprints.genomes]
        evaluated = 4 * (number + 1)
        assert alive == list(range(max(0, evaluated - POPULATION), evaluated))
        assert len(bred.modules.genomes) == sum(len(b.retained) for b in bred.blueprints.genomes)


def test_parents_are_living_winners_of_a_tournament():
    options = config(
        strategy="regularized_evolution",
        candidates=40,
        regularized_evolution={"population": 40, "sample": 40},
    )
    _, state = generation(None, lambda c: c.id / 100, options)
    children, _ = generation(state, lambda c: 0.5, options)
    # With so large a sample the best few win nearly all tournaments.
    parents = [c.blueprint.parents[0] for c in children]
    assert min(parents) >= 30
    assert parents.count(39) > len(parents) / 2


def test_who_was_spoilt_by_a_machine_has_no_children_and_no_place():
    strategy = select(OPTIONS)
    state = strategy.initial(OPTIONS)
    asked = strategy.ask(state, OPTIONS, building(OPTIONS))
    results = [judged(c, None, "machine") if c.id < 2 else judged(c, 0.5) for c in asked.candidates]
    bred = strategy.breed(strategy.tell(asked.state, results, OPTIONS), OPTIONS)
    assert [genome.id for genome in bred.blueprints.genomes] == [2, 3]
