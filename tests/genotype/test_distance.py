import numpy as np
import pytest
from hypothesis import given

from mpineat.config import Config
from mpineat.genotype.distance import distances, pack_blueprints, pack_modules
from mpineat.genotype.genes import Connection, ModuleNode
from mpineat.genotype.genome import Module
from tests.strategies import WILD, families

WEIGHTS = WILD.evolution.distance


def matrix(packed, weights=WEIGHTS):
    return np.array([distances(packed, i, weights) for i in range(packed.count)])


@given(families(size=4))
def test_distance_is_symmetric_bounded_and_zero_to_an_equal_genome(family):
    _, modules, blueprints = family
    twin = modules[0]._replace(id=99)
    other = blueprints[0]._replace(id=99)
    for packed in (
        pack_modules([*modules, twin], WILD),
        pack_blueprints([*blueprints, other], WILD),
    ):
        table = matrix(packed)
        np.testing.assert_allclose(table, table.T)
        assert (np.diag(table) == 0).all()
        assert table[0, -1] == 0
        assert table.max() <= WEIGHTS.structure + WEIGHTS.settings


def module(filters=16, kernel=1, neighbour="none", rate=0.0, join="add", more=()):
    genes = (Connection(3, 0, 2, True), Connection(4, 2, 1, True), *more)
    return Module(0, (ModuleNode(2, filters, kernel, neighbour, rate),), genes, join)


@pytest.mark.parametrize(
    "other",
    [
        module(filters=17),
        module(kernel=3),
        module(neighbour="dropout"),
        module(rate=0.1),
        module(join="concat"),
        module(more=(Connection(5, 0, 1, True),)),
    ],
)
def test_every_gene_and_setting_counts(other):
    packed = pack_modules([module(), other], Config())
    assert distances(packed, 0, Config().evolution.distance)[1] > 0


def test_the_terms_are_the_documented_fractions():
    farthest = module(68, 5, "dropout", 0.5, "concat")
    longer = module(more=(Connection(5, 0, 1, True),))
    packed = pack_modules([module(), farthest, longer], Config())
    row = distances(packed, 0, Config().evolution.distance)
    # 5 settings of node and genome differ by all they can; 2 enabled flags agree.
    assert row[1] == pytest.approx(0.5 * 5 / 7)
    # One gene of five (a node, three connections, the genome's own) is missing.
    assert row[2] == pytest.approx(1 / 5)


def test_weights_choose_what_counts():
    longer = module(filters=68, more=(Connection(5, 0, 1, True),))
    packed = pack_modules([module(), longer], Config())
    structure = Config.model_validate({"evolution": {"distance": {"settings": 0}}})
    settings_ = Config.model_validate({"evolution": {"distance": {"structure": 0}}})
    assert distances(packed, 0, structure.evolution.distance)[1] == pytest.approx(1 / 5)
    assert distances(packed, 0, settings_.evolution.distance)[1] == pytest.approx(0.5 / 7)


def test_numbers_that_no_gene_has_take_no_room():
    near, far = (module(more=(Connection(last, 0, 1, True),)) for last in (5, 1 << 60))
    tables = [matrix(pack_modules([module(), one], Config())) for one in (near, far)]
    np.testing.assert_array_equal(*tables)
