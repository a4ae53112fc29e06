"""A strategy's memory: frozen, compared by its bits, handed on by every built-in strategy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mpineat.evolution.memory import Memory
from mpineat.evolution.strategy import select
from tests.evolution.values import building, config, grown, judged


def test_a_state_remembers_nothing_at_first() -> None:
    assert grown(config(), 0).memory == {}


def test_what_is_remembered_cannot_be_changed() -> None:
    array = np.zeros(2)
    memory = Memory({"a": array})
    array[0] = 1.0
    assert memory["a"].tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        memory["a"][0] = 1.0


def test_memories_are_equal_where_every_bit_is() -> None:
    memory = Memory({"a": np.array([np.nan, 1.0])})
    assert memory == Memory({"a": [np.nan, 1.0]})
    for other in ({}, {"b": [np.nan, 1.0]}, {"a": [0.0, 1.0]}, {"a": [[np.nan, 1.0]]}):
        assert memory != Memory(other)
    assert Memory({"a": [1]}) != Memory({"a": [1.0]})


@pytest.mark.parametrize("name", ["", "a/b", ".", "a b"])
def test_a_name_that_a_file_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name of letters"):
        Memory({name: [1.0]})


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="memory 'a': expected numbers, found <U1"):
        Memory({"a": ["x"]})


@pytest.mark.parametrize("name", ["codeepneat", "random"])
def test_strategies_hand_on_what_they_do_not_know(name: str) -> None:
    options = config(strategy=name)
    strategy = select(options)
    state = replace(strategy.initial(options), memory={"theirs": np.arange(3)})
    asked = strategy.ask(state, options, building(options))
    results = [judged(candidate, 0.5) for candidate in asked.candidates]
    bred = strategy.breed(strategy.tell(asked.state, results, options), options)
    assert bred.memory == state.memory
