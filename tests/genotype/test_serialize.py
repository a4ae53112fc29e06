import json

from hypothesis import given, settings

from mpineat.genotype.genome import Candidate
from mpineat.genotype.serialize import (
    blueprint_from_json,
    blueprint_to_json,
    candidate_from_json,
    candidate_to_json,
    module_from_json,
    module_to_json,
)
from tests.strategies import families


@given(families())
@settings(max_examples=200, deadline=None)
def test_json_round_trips_are_equal(family):
    _, modules, blueprints = family
    candidate = Candidate(3, 1, blueprints[0], tuple(enumerate(modules)))
    assert module_from_json(json.loads(json.dumps(module_to_json(modules[1])))) == modules[1]
    text = json.dumps(blueprint_to_json(blueprints[1]))
    assert blueprint_from_json(json.loads(text)) == blueprints[1]
    assert candidate_from_json(json.loads(json.dumps(candidate_to_json(candidate)))) == candidate
