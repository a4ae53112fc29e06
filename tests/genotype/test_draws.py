from mpineat.genotype.draws import BLOCK, Draws


def test_equal_keys_give_equal_streams_and_others_do_not():
    first, again, other = Draws(1, 2, 3), Draws(1, 2, 3), Draws(1, 2, 4)
    numbers = [[d.uniform() for _ in range(BLOCK + 5)] for d in (first, again, other)]
    assert numbers[0] == numbers[1] != numbers[2]


def test_between_covers_its_closed_range():
    draws = Draws(1)
    assert {draws.between((3, 6)) for _ in range(300)} == {3, 4, 5, 6}


def test_events_happen_at_their_rates():
    happened = Draws(1).events(10_000, [0.0, 0.3, 1.0])
    counts = [sum(event == kind for _, event in happened) for kind in range(3)]
    assert counts[0] == 0
    assert 2800 < counts[1] < 3200
    assert counts[2] == 10_000
    assert happened == sorted(happened)
