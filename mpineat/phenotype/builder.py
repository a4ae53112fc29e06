"""Builder: lays one layer behind another and knows the size of every map.

All sizes are the input's, halved so many times.
"""

from __future__ import annotations

from mpineat.config import SearchSpace
from mpineat.errors import Infeasible
from mpineat.phenotype.network import DEPTHWISE, NORM_MOMENTUM, Layer, Origin


class Map:
    """A layer's output while the network grows; `stage` counts the reductions before it."""

    __slots__ = ("channels", "height", "name", "stage", "width")

    def __init__(self, name: str, height: int, width: int, channels: int, stage: int = 0) -> None:
        self.name, self.height, self.width, self.channels = name, height, width, channels
        self.stage = stage


class Builder:
    """The layers laid so far, and how the search space wants them."""

    def __init__(self, input_shape: tuple[int, int, int], space: SearchSpace) -> None:
        self.input_shape = input_shape
        self.space = space
        self.convolution = "conv2d_bn" if space.batch_norm else "conv2d"
        usual = space.norm_momentum == NORM_MOMENTUM
        self.norm_momentum = None if usual else space.norm_momentum
        # A convolution that steps by 2 rounds up. Where there is one, all else must too, so that
        # one power of two fits any two maps.
        self.padding = "same" if space.has_stages else "valid"
        self.layers: list[Layer] = []

    def convolve(
        self,
        found: Map,
        name: str,
        filters: int,
        kernel: int,
        activation: str | None,
        origin: Origin | None,
        *,
        op: str | None = None,
        steps: int = 1,
        stage: int | None = None,
    ) -> Map:
        """Lay a convolution, by default without a norm where it has no activation.

        Args:
            steps: By how much it steps along its window's axes.
            stage: Of its output; None: that of its input.
        """
        op = op or (self.convolution if activation else "conv2d")
        self.lay(
            Layer(
                name=name,
                op=op,
                inputs=(found.name,),
                filters=filters,
                kernel=self.window(kernel),
                strides=self.window(steps),
                padding="same",
                activation=activation,
                norm_momentum=self.norm_momentum if op == "conv2d_bn" else None,
                origin=origin,
            )
        )
        stage = found.stage if stage is None else stage
        return Map(name, *self.pooled(found, steps), filters, stage)

    def depthwise(
        self, found: Map, name: str, kernel: int, steps: int, origin: Origin | None
    ) -> Map:
        """Lay a convolution that has a kernel of its own for each channel, and no bias."""
        self.lay(
            Layer(
                name=name,
                op=DEPTHWISE,
                inputs=(found.name,),
                kernel=self.window(kernel),
                strides=self.window(steps),
                padding="same",
                origin=origin,
            )
        )
        return Map(name, *self.pooled(found, steps), found.channels, found.stage)

    def pool(
        self, found: Map, name: str, size: int, origin: Origin | None, *, op: str = "maxpool"
    ) -> Map:
        """Lay a pooling of windows of `size`, side by side."""
        window = self.window(size)
        self.lay(
            Layer(
                name=name,
                op=op,
                inputs=(found.name,),
                pool=window,
                strides=window,
                padding=self.padding,
                origin=origin,
            )
        )
        return Map(name, *self.pooled(found, size), found.channels, found.stage)

    def factor(self, found: Map, height: int, width: int) -> int:
        """Return the power of two that a pooling reaches a smaller map's size with."""
        factor = 1
        while self.pooled(found, factor) != (height, width):
            factor *= 2
        return factor

    def shrinks(self, found: Map, size: int) -> bool:
        """Return whether a pooling leaves something of a map, and less than all of it."""
        pooled = self.pooled(found, size)
        return min(pooled) > 0 and pooled != (found.height, found.width)

    def window(self, size: int) -> tuple[int, int]:
        """Return the window of a kernel, of a pooling, or of steps."""
        return (1 if self.space.kernel_shape == "row" else size, size)

    def pooled(self, found: Map, size: int) -> tuple[int, int]:
        """Return height and width of a map behind a pooling, or behind steps of this size."""
        height, width = self.window(size)
        if self.padding == "same":
            return -(-found.height // height), -(-found.width // width)
        return found.height // height, found.width // width

    def lay(self, layer: Layer) -> None:
        """Add a layer.

        Raises:
            Infeasible: "too_deep".
        """
        if len(self.layers) == self.space.max_layers:
            raise Infeasible(
                "too_deep", f"it exceeds search_space.max_layers = {self.space.max_layers}"
            )
        self.layers.append(layer)
