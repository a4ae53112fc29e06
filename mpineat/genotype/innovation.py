"""Innovation numbers: equal structural mutations of a generation share them (NEAT, 2002)."""

from __future__ import annotations

from mpineat.genotype.genes import Connection


class Innovations:
    """The structural mutations of one population in one generation.

    Lives as long as the breeding of a generation; the counter goes on in
    Population.next_innovation.

    Attributes:
        next: The next number, for a node or a connection.
    """

    def __init__(self, first: int) -> None:
        self.next = first
        self._connections: dict[tuple[int, int], int] = {}
        self._splits: dict[int, int] = {}

    def connect(self, source: int, target: int) -> Connection:
        """Return the gene that connects two nodes."""
        number = self._connections.get((source, target))
        if number is None:
            number = self._connections[source, target] = self._take()
        return Connection(number, source, target, True)

    def split(self, connection: Connection) -> int:
        """Return the id of the node that splits `connection`."""
        node = self._splits.get(connection.innovation)
        if node is None:
            node = self._splits[connection.innovation] = self._take()
        return node

    def _take(self) -> int:
        number = self.next
        self.next += 1
        return number
