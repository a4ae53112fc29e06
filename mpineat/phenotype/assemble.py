"""Blueprint + its modules -> Network (Miikkulainen et al. 2017, section 3).

A blueprint node is replaced by the graph of its species' module. Maps of unequal size meet at a
join by max pooling down to the smallest; for add, 1x1 convolutions widen the narrower ones. A
pooling that would leave nothing of a map is left out. Where blueprint nodes meet, the module behind
them says how; the network's output concatenates. Then: flatten or pool globally, the blueprint's
dense layers, the logits.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpineat.config import Config, SearchSpace
from mpineat.errors import Infeasible
from mpineat.genotype.genes import INPUT, OUTPUT
from mpineat.genotype.genome import Candidate, Module
from mpineat.genotype.graph import sources_by_target
from mpineat.phenotype import cost
from mpineat.phenotype.network import INPUT as INPUT_LAYER
from mpineat.phenotype.network import Layer, Network, Origin

LAST = "output"  # name of the layer that gives the logits


def assemble(
    candidate: Candidate, input_shape: tuple[int, int, int], classes: int, search_space: SearchSpace
) -> Network:
    """Build the candidate's network.

    Layers of a gene carry their Origin; joins, repairs and the dense layers ("dense_1", ...) carry
    none.

    Raises:
        Infeasible: "too_deep": more layers than search_space.max_layers.
    """
    return _Builder(input_shape, search_space).network(candidate, classes)


def check_limits(network: Network, search_space: SearchSpace, batch_size: int) -> None:
    """Refuse a network that would cost more than the search space allows.

    Raises:
        Infeasible: "too_deep", "too_large" (parameters), "too_many_flops" or "too_much_memory".
    """
    found = cost.total(network)
    limits = (
        ("too_deep", "max_layers", len(network.layers), search_space.max_layers),
        ("too_large", "max_parameters", found.parameters, search_space.max_parameters),
        ("too_many_flops", "max_flops", found.flops, search_space.max_flops),
        (
            "too_much_memory",
            "max_memory_mb",
            cost.training_memory_mb(found, batch_size),
            search_space.max_memory_mb,
        ),
    )
    for reason, option, value, most in limits:
        if value > most:
            raise Infeasible(reason, f"{value:,.0f} exceeds search_space.{option} = {most:,.0f}")


class _Map:
    """A layer's output while the network grows."""

    __slots__ = ("channels", "height", "name", "width")

    def __init__(self, name: str, height: int, width: int, channels: int) -> None:
        self.name, self.height, self.width, self.channels = name, height, width, channels


class _Builder:
    """The layers laid so far."""

    def __init__(self, input_shape: tuple[int, int, int], space: SearchSpace) -> None:
        self.input_shape = input_shape
        self.space = space
        self.convolution = "conv2d_bn" if space.batch_norm else "conv2d"
        self.layers: list[Layer] = []

    def network(self, candidate: Candidate, classes: int) -> Network:
        modules = dict(candidate.modules)
        blueprint = candidate.blueprint
        species = {node.id: node.species for node in blueprint.nodes}
        maps = {INPUT: _Map(INPUT_LAYER, *self.input_shape)}
        for node, sources in sources_by_target(blueprint.connections).items():
            inputs = [maps[source] for source in sources]
            if node == OUTPUT:
                self._head(self._join(inputs, "concat", "top"), blueprint.dense, classes)
            else:
                maps[node] = self._module(modules[species[node]], node, inputs)
        return Network(self.input_shape, tuple(self.layers), LAST)

    def _module(self, module: Module, place: int, inputs: Sequence[_Map]) -> _Map:
        nodes = {node.id: node for node in module.nodes}
        maps = {INPUT: self._join(inputs, module.join, f"b{place}_in")}
        for id, sources in sources_by_target(module.connections).items():
            name = f"b{place}_out" if id == OUTPUT else f"b{place}_n{id}"
            joined = self._join([maps[source] for source in sources], module.join, name)
            if id == OUTPUT:
                return joined
            node, origin = nodes[id], Origin(place, module.id, id)
            found = self._convolve(joined, name, node.filters, node.kernel, "relu", origin)
            if node.neighbour == "max_pooling" and min(self._pooled(found, 2)):
                found = self._pool(found, f"{name}_pool", 2, origin)
            elif node.neighbour == "dropout" and node.rate > 0:
                self._lay(
                    Layer(
                        name=f"{name}_dropout",
                        op="dropout",
                        inputs=(found.name,),
                        rate=node.rate,
                        origin=origin,
                    )
                )
                found = _Map(f"{name}_dropout", found.height, found.width, found.channels)
            maps[id] = found
        raise AssertionError(f"module {module.id}: no path leads to its output")

    def _join(self, maps: Sequence[_Map], how: str, name: str) -> _Map:
        if len(maps) == 1:
            return maps[0]
        height = min(found.height for found in maps)
        width = min(found.width for found in maps)
        channels = max(found.channels for found in maps)
        inputs = []
        for number, found in enumerate(maps, 1):
            # All sizes are the input's, halved so many times, so one power of two fits both axes.
            factor = 1
            while self._pooled(found, factor) != (height, width):
                factor *= 2
            if factor > 1:
                found = self._pool(found, f"{name}_fit{number}", factor, None)
            if how == "add" and found.channels < channels:
                found = self._convolve(found, f"{name}_widen{number}", channels, 1, None, None)
            inputs.append(found)
        self._lay(
            Layer(name=f"{name}_{how}", op=how, inputs=tuple([found.name for found in inputs]))
        )
        if how == "concat":
            channels = sum(found.channels for found in inputs)
        return _Map(f"{name}_{how}", height, width, channels)

    def _head(self, top: _Map, dense: Sequence[int], classes: int) -> None:
        self._lay(Layer(name=self.space.head, op=self.space.head, inputs=(top.name,)))
        below: str = self.space.head
        for number, units in enumerate(dense, 1):
            self._lay(
                Layer(
                    name=f"dense_{number}",
                    op="dense",
                    inputs=(below,),
                    units=units,
                    activation="relu",
                )
            )
            below = f"dense_{number}"
        self._lay(Layer(name=LAST, op="dense", inputs=(below,), units=classes))

    def _convolve(
        self,
        found: _Map,
        name: str,
        filters: int,
        kernel: int,
        activation: str | None,
        origin: Origin | None,
    ) -> _Map:
        op = self.convolution if activation else "conv2d"
        self._lay(
            Layer(
                name=name,
                op=op,
                inputs=(found.name,),
                filters=filters,
                kernel=self._window(kernel),
                strides=(1, 1),
                padding="same",
                activation=activation,
                origin=origin,
            )
        )
        return _Map(name, found.height, found.width, filters)

    def _pool(self, found: _Map, name: str, size: int, origin: Origin | None) -> _Map:
        window = self._window(size)
        self._lay(
            Layer(
                name=name,
                op="maxpool",
                inputs=(found.name,),
                pool=window,
                strides=window,
                padding="valid",
                origin=origin,
            )
        )
        return _Map(name, *self._pooled(found, size), found.channels)

    def _window(self, size: int) -> tuple[int, int]:
        return (1 if self.space.kernel_shape == "row" else size, size)

    def _pooled(self, found: _Map, size: int) -> tuple[int, int]:
        height, width = self._window(size)
        return found.height // height, found.width // width

    def _lay(self, layer: Layer) -> None:
        if len(self.layers) == self.space.max_layers:
            raise Infeasible(
                "too_deep", f"it exceeds search_space.max_layers = {self.space.max_layers}"
            )
        self.layers.append(layer)


def build_network(
    candidate: Candidate, *, input_shape: tuple[int, int, int], classes: int, config: Config
) -> Network:
    """Return the candidate's network, within the limits of the search space.

    Raises:
        Infeasible: As `assemble` and `check_limits`.
    """
    network = assemble(candidate, input_shape, classes, config.search_space)
    check_limits(network, config.search_space, config.training.batch_size)
    return network
