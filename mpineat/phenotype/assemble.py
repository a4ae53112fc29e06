"""Blueprint + its modules -> Network (Miikkulainen et al. 2017, section 3).

A blueprint node is replaced by the graph of its species' module. Maps of unequal size meet at a
join by max pooling down to the smallest; for add, 1x1 convolutions widen the narrower ones. A
pooling that would leave nothing of a map is left out. Where blueprint nodes meet, the module behind
them says how; the network's output concatenates. Then: flatten or pool globally, the blueprint's
dense layers, the logits.

Of today's networks: a residual module's input is added to its output, by a mean pooling and a 1x1
convolution where the shapes differ (He et al. 2016; 2019, ResNet-D). A separable convolution is a
depthwise one and one of 1x1 behind it (Chollet 2017). A blueprint node with a reduction halves the
map and doubles the filters of all behind it, so that every stage costs about the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from mpineat.config import Config, SearchSpace
from mpineat.errors import Infeasible
from mpineat.genotype.creation import NO_REDUCTION
from mpineat.genotype.genes import INPUT, OUTPUT, BlueprintNode, ModuleNode
from mpineat.genotype.genome import Candidate, Module
from mpineat.genotype.graph import sources_by_target
from mpineat.phenotype import cost
from mpineat.phenotype.builder import Builder, Map
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
    return _Assembly(input_shape, search_space).network(candidate, classes)


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


class _Assembly(Builder):
    """What the genes of one candidate become."""

    def network(self, candidate: Candidate, classes: int) -> Network:
        modules = dict(candidate.modules)
        blueprint = candidate.blueprint
        genes = {node.id: node for node in blueprint.nodes}
        maps = {INPUT: Map(INPUT_LAYER, *self.input_shape)}
        for node, sources in sources_by_target(blueprint.connections).items():
            inputs = [maps[source] for source in sources]
            if node == OUTPUT:
                self._head(self._join(inputs, "concat", "top"), blueprint.dense, classes)
            else:
                maps[node] = self._module(modules[genes[node].species], genes[node], inputs)
        return Network(self.input_shape, tuple(self.layers), LAST)

    def _module(self, module: Module, gene: BlueprintNode, inputs: Sequence[Map]) -> Map:
        place, nodes = gene.id, {node.id: node for node in module.nodes}
        start = self._join(inputs, module.join, f"b{place}_in")
        reduces = gene.reduction != NO_REDUCTION and self.shrinks(start, 2)
        if reduces and gene.reduction == "max_pooling":
            start = self.pool(start, f"b{place}_reduce", 2, None)
            start.stage += 1
        maps = {INPUT: start}
        for id, sources in sources_by_target(module.connections).items():
            name = f"b{place}_out" if id == OUTPUT else f"b{place}_n{id}"
            if id == OUTPUT and module.join == "residual":
                sources = [source for source in sources if source != INPUT]
            joined = self._join([maps[source] for source in sources], module.join, name)
            if id == OUTPUT:
                residual = module.join == "residual"
                return self._shortcut(start, joined, name) if residual else joined
            node, origin = nodes[id], Origin(place, module.id, id)
            # Whatever is fed by other nodes too meets maps that are small already.
            steps = 2 if reduces and gene.reduction == "stride" and sources == [INPUT] else 1
            found = self._of_node(joined, name, node, origin, steps)
            if node.neighbour == "max_pooling" and self.shrinks(found, 2):
                found = self.pool(found, f"{name}_pool", 2, origin)
            elif node.neighbour == "dropout" and node.rate > 0:
                self.lay(
                    Layer(
                        name=f"{name}_dropout",
                        op="dropout",
                        inputs=(found.name,),
                        rate=node.rate,
                        origin=origin,
                    )
                )
                found = Map(
                    f"{name}_dropout", found.height, found.width, found.channels, found.stage
                )
            maps[id] = found
        raise AssertionError(f"module {module.id}: no path leads to its output")

    def _of_node(self, found: Map, name: str, node: ModuleNode, origin: Origin, steps: int) -> Map:
        """Lay a module node's convolution."""
        stage = found.stage + (steps > 1)
        filters, kernel = node.filters << stage, node.kernel
        # Of single colours a depthwise convolution learns little, for nothing saved.
        if node.convolution == "separable" and kernel > 1 and found.name != INPUT_LAYER:
            # TensorFlow's depthwise convolution steps alike along both axes.
            first = steps if self.space.kernel_shape == "square" else 1
            found = self.depthwise(found, f"{name}_depthwise", kernel, first, origin)
            kernel, steps = 1, steps // first
        activation = node.activation
        return self.convolve(
            found, name, filters, kernel, activation, origin, steps=steps, stage=stage
        )

    def _shortcut(self, start: Map, found: Map, name: str) -> Map:
        """Add a residual module's input to its output."""
        start = self._projected(start, found, found.channels, f"{name}_shortcut")
        inputs = (start.name, found.name)
        self.lay(Layer(name=f"{name}_residual", op="add", inputs=inputs))
        return Map(f"{name}_residual", found.height, found.width, found.channels, found.stage)

    def _projected(self, found: Map, to: Map, channels: int, name: str) -> Map:
        """Bring a map to the size of another and to so many channels, if it is not there."""
        if (factor := self.factor(found, to.height, to.width)) > 1:
            found = self.pool(found, f"{name}_pool", factor, None, op="avgpool")
        if found.channels == channels:
            return found
        return self.convolve(found, name, channels, 1, None, None, op=self.convolution)

    def _join(self, maps: Sequence[Map], how: str, name: str) -> Map:
        if len(maps) == 1:
            return maps[0]
        height = min(found.height for found in maps)
        width = min(found.width for found in maps)
        channels = max(found.channels for found in maps)
        joined = Map("", height, width, channels, max(found.stage for found in maps))
        inputs = []
        for number, found in enumerate(maps, 1):
            if how == "residual":
                inputs.append(self._projected(found, joined, channels, f"{name}_project{number}"))
                continue
            if (factor := self.factor(found, height, width)) > 1:
                found = self.pool(found, f"{name}_fit{number}", factor, None)
            if how == "add" and found.channels < channels:
                found = self.convolve(found, f"{name}_widen{number}", channels, 1, None, None)
            inputs.append(found)
        op = "concat" if how == "concat" else "add"
        joined.name = f"{name}_{op}"
        self.lay(Layer(name=joined.name, op=op, inputs=tuple([found.name for found in inputs])))
        if how == "concat":
            joined.channels = sum(found.channels for found in inputs)
        return joined

    def _head(self, top: Map, dense: Sequence[int], classes: int) -> None:
        self.lay(Layer(name=self.space.head, op=self.space.head, inputs=(top.name,)))
        below: str = self.space.head
        for number, units in enumerate(dense, 1):
            self.lay(
                Layer(
                    name=f"dense_{number}",
                    op="dense",
                    inputs=(below,),
                    units=units,
                    activation="relu",
                )
            )
            below = f"dense_{number}"
        self.lay(Layer(name=LAST, op="dense", inputs=(below,), units=classes))


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
