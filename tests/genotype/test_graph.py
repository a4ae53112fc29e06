import pytest

from mpineat.genotype.genes import Connection
from mpineat.genotype.graph import problem, removable, sources_by_target


def genes(*pairs):
    """Enabled connections, numbered from 10; a pair with a third item False is disabled."""
    return tuple(
        Connection(10 + i, pair[0], pair[1], pair[2] if len(pair) > 2 else True)
        for i, pair in enumerate(pairs)
    )


@pytest.mark.parametrize(
    ("nodes", "connections", "words"),
    [
        ([], genes((0, 1)), "no node"),
        ([3, 2], genes((0, 2), (2, 3), (3, 1)), "do not ascend"),
        ([2], genes((0, 2), (2, 1), (0, 2)), "two connections"),
        ([2], genes((0, 2), (2, 1), (1, 2)), "impossible"),
        ([2], genes((0, 2), (2, 1), (2, 5)), "impossible"),
        ([2, 3], genes((0, 2), (2, 3), (3, 1), (3, 2, False)), "cycle"),
        ([2, 3], genes((0, 2), (2, 1), (0, 3)), "no path"),
        ([2], genes((0, 2), (2, 1, False), (0, 1)), "no path"),
    ],
)
def test_each_defect_of_a_graph_is_named(nodes, connections, words):
    assert words in problem(nodes, connections)


def test_order_puts_sources_first_and_leaves_disabled_connections_out():
    order = sources_by_target(genes((0, 4), (4, 2), (0, 2), (2, 1), (4, 1), (0, 1, False)))
    assert list(order) == [4, 2, 1]
    assert order == {4: [0], 2: [0, 4], 1: [2, 4]}


def test_only_connections_that_no_node_depends_on_are_removable():
    assert removable(genes((0, 2), (2, 1))) == []
    assert removable(genes((0, 2), (2, 3), (3, 1), (0, 3), (2, 1))) == [1, 3, 4]
    assert removable(genes((0, 2), (2, 1), (0, 1))) == [2]
    assert removable(genes((0, 2), (2, 1), (0, 3), (3, 1), (0, 1))) == [4]
