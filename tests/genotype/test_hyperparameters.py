from hypothesis import given
from hypothesis import strategies as st

from mpineat.config import Config
from mpineat.genotype.distance import distances, pack_blueprints
from mpineat.genotype.genes import Hyperparameters
from mpineat.genotype.hyperparameters import CHOICES, applied, complete, described, ranges
from tests.strategies import WILD, Nursery, seeds

FIXED = {name: [False] for name in CHOICES} | {
    name: [0.0, 0.0] for name in ranges(WILD.evolution) if name not in (*CHOICES, "learning_rate")
}


def config(augment_copies: int = 1, **evolution: object) -> Config:
    return Config.model_validate(
        {
            "dataset": {"augment_copies": augment_copies, "augment": {"rotate": 7}},
            "training": {"momentum": 0.8, "nesterov": True},
            "evolution": {"evolve_training": True, **evolution},
        }
    )


@given(seeds)
def test_settings_stay_within_their_ranges_and_move_there(seed):
    nursery = Nursery(seed)
    blueprint = nursery.blueprint(0)
    seen = [blueprint.training]
    for _ in range(30):
        blueprint = nursery.mutant_blueprint(blueprint)
        seen.append(blueprint.training)
    for (name, range_), values in zip(
        ranges(WILD.evolution).items(), zip(*seen, strict=True), strict=True
    ):
        assert all(
            value in range_ if name in CHOICES else range_[0] <= value <= range_[1]
            for value in values
        )
        assert name in CHOICES or len(set(values)) > 1


def test_equal_bounds_fix_a_setting():
    nursery = Nursery(1, config(ranges=FIXED))
    training = nursery.blueprint(20).training
    assert set(training[1:]) == {0.0}


@given(seeds, st.sampled_from(list(ranges(WILD.evolution))))
def test_every_setting_counts_in_the_distance(seed, name):
    nursery = Nursery(seed)
    one = nursery.blueprint(3)
    low, high = ranges(WILD.evolution)[name]
    ends = [Hyperparameters(**(one.training._asdict() | {name: value})) for value in (low, high)]
    other = [nursery.blueprint(3) for _ in range(2)]
    both = [type(one)(one.id, one.nodes, one.connections, one.dense, training) for training in ends]
    row = distances(pack_blueprints([*both, *other], WILD), 0, WILD.evolution.distance)
    assert row[0] == 0
    assert row[1] > 0


def test_what_a_genotype_lacks_is_as_configured():
    """Genotypes of earlier versions know the learning rate alone."""
    genes = Hyperparameters(0.02)
    options = config(augment_copies=2)
    found = applied(genes, options)
    assert found.training.learning_rate == 0.02
    assert found == options.model_copy(
        update={"training": options.training.model_copy(update={"learning_rate": 0.02})}
    )
    assert complete(genes, options).momentum == 0.8
    assert complete(genes, options).rotate == 7
    assert complete(genes, config()).rotate == 0  # one copy: nothing is augmented
    assert applied(None, options) is options


def test_what_evolves_reaches_the_configuration():
    genes = Nursery(3).blueprint(5).training
    found = applied(genes, config())
    own = found.training.model_dump() | found.dataset.augment.model_dump()
    assert {name: own[name] for name in Hyperparameters._fields} == genes._asdict()
    assert found.dataset.augment.originals
    assert not applied(genes, config(augment_copies=2)).dataset.augment.originals


def test_settings_are_described_in_words():
    words = described(Hyperparameters(0.00123, 0.9, nesterov=True, flip=False))
    assert words == "learning rate 0.00123, momentum 0.9, nesterov on, flip off"
