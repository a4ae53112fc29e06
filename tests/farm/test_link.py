"""How often a rank looks for a message: seldom when it is idle, soon when one is due."""

from __future__ import annotations

import itertools

from mpineat.farm.link import LONGEST_FIRST_PAUSE, LONGEST_PAUSE, SHORTEST_PAUSE, Patience


def looks(patience: Patience, seconds: float) -> tuple[int, float]:
    """Wait for a message that comes after so many seconds; return the looks and the delay."""
    waited = 0.0
    for number in itertools.count(1):
        waited += patience.pause()
        if waited >= seconds:
            patience.reset()
            return number, waited - seconds
    raise AssertionError


def test_no_pause_is_longer_than_the_cap_nor_shorter_than_the_floor():
    patience = Patience()
    pauses = [patience.pause() for _ in range(100)]
    assert min(pauses) == SHORTEST_PAUSE
    assert max(pauses) == LONGEST_PAUSE
    patience.reset()
    assert patience.pause() == LONGEST_FIRST_PAUSE


def test_a_few_looks_a_message_are_enough_where_waits_are_alike():
    for seconds in (1e-4, 5e-4, 1e-3, 1e-2, 1.5e-2):
        patience = Patience()
        looks(patience, seconds)
        for _ in range(20):
            number, delay = looks(patience, seconds)
            assert number <= 5
            assert delay <= max(SHORTEST_PAUSE, seconds)


def test_after_a_long_wait_quick_answers_are_soon_looked_for_quickly():
    patience = Patience()
    looks(patience, 10.0)
    delays = [looks(patience, 1e-4)[1] for _ in range(10)]
    assert delays[0] <= LONGEST_FIRST_PAUSE
    assert delays[-1] <= 2e-4


def test_two_ranks_that_wait_for_each_other_do_not_slow_each_other_down():
    one, other = Patience(), Patience()
    delay = 10.0  # of the first message
    for _ in range(100):
        for patience in (one, other):
            delay = looks(patience, delay)[1] + 1e-4
    assert delay <= 4e-4
