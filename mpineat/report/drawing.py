"""Drawings of a candidate as inline SVG: blueprint, modules, network before and after."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TypeVar

from mpineat import units
from mpineat.errors import shown
from mpineat.genotype.genes import INPUT, OUTPUT, Connection
from mpineat.genotype.genome import Candidate, Module
from mpineat.phenotype.cost import layer_flops
from mpineat.phenotype.network import INPUT as NETWORK_INPUT
from mpineat.phenotype.network import Layer, Network
from mpineat.report.layout import Layout, layered

NodeT = TypeVar("NodeT", bound=Hashable)

# Okabe and Ito 2008: told apart by colour-blind readers too; species wrap round.
SPECIES_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a8a3a")
TIMES = "\N{MULTIPLICATION SIGN}"
STAGES = {"stride": "stride 2", "max_pooling": "pool 2"}  # how a blueprint's node begins a stage
COLUMN, ROW = 158, 60
FAMILY_COLUMN, FAMILY_ROW = 76, 52
OPS = {
    "conv2d": "conv",
    "conv2d_bn": "conv+bn",
    "depthwise": "depthwise conv",
    "maxpool": "max pool",
    "avgpool": "mean pool",
    "global_average_pool": "global mean pool",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What stands in a node's place.

    Attributes:
        lines: One or two lines of text, the second muted.
        kept: Share of the box's bar that is filled; None: no bar.
        kind: Class in the style sheet: "layer", "plain", "end" or "gone".
        hint: Shown under the mouse.
    """

    lines: tuple[str, ...]
    width: int = 138
    height: int = 40
    colour: str | None = None
    kept: float | None = None
    kind: str = "layer"
    hint: str = ""


def species_colour(species: int) -> str:
    """Return the colour that stands for a module species in all drawings."""
    return SPECIES_COLOURS[species % len(SPECIES_COLOURS)]


def blueprint_drawing(candidate: Candidate) -> str:
    """Draw the blueprint: what each node points to and which module it received."""
    chosen = dict(candidate.modules)
    boxes = {INPUT: _end("input"), OUTPUT: _end("dense and output")}
    for node in candidate.blueprint.nodes:
        stage = "" if node.reduction == "none" else f", {STAGES[node.reduction]}"
        boxes[node.id] = Box(
            lines=(f"species {node.species}{stage}", f"module {chosen[node.species].id}"),
            colour=species_colour(node.species),
            hint=f"blueprint node {node.id}",
        )
    return _graph(_genome_layout(boxes, candidate.blueprint.connections), boxes, "blueprint")


def module_drawing(module: Module, species: int, kernel_shape: str) -> str:
    """Draw a module: its convolutions and what follows each.

    Args:
        kernel_shape: search_space.kernel_shape.
    """
    row = kernel_shape == "row"
    boxes = {INPUT: _end("in"), OUTPUT: _end("out")}
    for node in module.nodes:
        neighbour = {"none": "", "max_pooling": f"then max pool {1 if row else 2}{TIMES}2"}.get(
            node.neighbour, f"then dropout {node.rate:.2f}"
        )
        name = "conv" if node.convolution == "full" else "sep conv"
        behind = [] if node.activation == "relu" else [node.activation]
        behind += [neighbour] if neighbour else []
        boxes[node.id] = Box(
            lines=(
                f"{name} {1 if row else node.kernel}{TIMES}{node.kernel}, {node.filters}",
                *([", ".join(behind)] if behind else []),
            ),
            colour=species_colour(species),
            hint=f"module node {node.id}",
        )
    return _graph(_genome_layout(boxes, module.connections), boxes, f"module {module.id}")


def network_drawing(before: Network, after: Network, species_of: Mapping[int, int]) -> str:
    """Draw the network as assembled, each layer with its width before and after compression.

    Args:
        species_of: Module id -> species, for the colours.
    """
    kept = {layer.name: layer for layer in after.layers}
    costs = layer_flops(before), layer_flops(after)
    boxes = {NETWORK_INPUT: _end("input " + _shape(before.input_shape))}
    for layer in before.layers:
        origin = layer.origin
        colour = None if origin is None else species_colour(species_of.get(origin.module, 0))
        hint = f"{layer.name}: {units.count(costs[0].get(layer.name, 0))} flops"
        if layer.name in kept:
            hint += f", {units.count(costs[1].get(layer.name, 0))} after compression"
        boxes[layer.name] = _layer_box(
            layer, kept.get(layer.name), _shape(after.shapes.get(layer.name, ())), colour, hint
        )
    edges = [(source, layer.name) for layer in before.layers for source in layer.inputs]
    return _graph(layered(tuple(boxes), edges), boxes, "network")


def family_drawing(
    births: Mapping[int, int],
    parents: Mapping[int, Sequence[int]],
    fitness: Mapping[int, float],
    colour: str,
) -> str:
    """Draw ancestors in rows of their generation, the descendant last.

    Args:
        births: Genome id -> generation, for all who are drawn.
        fitness: Genome id -> fitness; a genome may lack one.
    """
    ids = sorted(births, key=lambda genome: (births[genome], genome))
    first = min(births.values())
    boxes = {
        genome: Box(
            lines=(f"#{genome}", units.accuracy(fitness.get(genome))),
            width=66,
            height=36,
            colour=colour,
            hint=f"bred for generation {births[genome]}",
        )
        for genome in ids
    }
    edges = [(p, genome) for genome in ids for p in parents.get(genome, ()) if p in births]
    rows = {genome: births[genome] - first for genome in ids}
    layout = layered(ids, edges, rows)
    names = {row: f"gen {first + row}" for row in range(layout.rows)}
    return _graph(
        layout, boxes, "family tree", column=FAMILY_COLUMN, row=FAMILY_ROW, row_names=names
    )


def _genome_layout(boxes: Mapping[int, Box], connections: Sequence[Connection]) -> Layout[int]:
    edges = [(gene.source, gene.target) for gene in connections if gene.enabled]
    return layered(_topological(tuple(boxes), edges), edges)


def _topological(nodes: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    waiting = {node: sum(target == node for _, target in edges) for node in nodes}
    order: list[int] = []
    while free := [node for node in nodes if node in waiting and waiting[node] == 0]:
        for node in free:
            del waiting[node]
            order.append(node)
            for source, target in edges:
                if source == node:
                    waiting[target] -= 1
    return order


def _layer_box(layer: Layer, after: Layer | None, shape: str, colour: str | None, hint: str) -> Box:
    if after is None:
        return Box(lines=(_title(layer), "removed"), colour=colour, kind="gone", hint=hint)
    if layer.width is None:
        return Box(lines=(_title(layer),), height=24, colour=colour, kind="plain", hint=hint)
    before_width, after_width = layer.width, after.width or 0
    width = f"{before_width} → {after_width}" if after_width != before_width else f"{before_width}"
    title = f"{_title(layer)}  {width}"
    lines = (title, shape) if layer.kernel is not None else (title,)
    kept = min(1.0, after_width / before_width)
    return Box(lines=lines, colour=colour, kept=kept, hint=hint)


def _title(layer: Layer) -> str:
    name = OPS.get(layer.op, layer.op)
    if layer.kernel is not None:
        steps = f" /{max(layer.strides)}" if layer.strides and max(layer.strides) > 1 else ""
        return f"{name} {layer.kernel[0]}{TIMES}{layer.kernel[1]}{steps}"
    if layer.pool is not None:
        return f"{name} {layer.pool[0]}{TIMES}{layer.pool[1]}"
    if layer.rate is not None:
        return f"{name} {layer.rate:.2f}"
    return name


def _shape(shape: Sequence[int]) -> str:
    return TIMES.join(str(extent) for extent in shape)


def _end(text: str) -> Box:
    return Box(lines=(text,), height=26, kind="end")


def _graph(
    layout: Layout[NodeT],
    boxes: Mapping[NodeT, Box],
    name: str,
    *,
    column: int = COLUMN,
    row: int = ROW,
    row_names: Mapping[int, str] | None = None,
) -> str:
    margin = 48 if row_names else 4
    width, height = round(layout.columns * column) + margin + 4, layout.rows * row
    parts = [
        f'<svg class="graph" role="img" aria-label="{_escaped(name)}" width="{width}"'
        f' height="{height}" viewBox="0 0 {width} {height}">'
    ]
    for number, text in (row_names or {}).items():
        y = (number + 0.5) * row
        parts.append(f'<text class="muted" x="0" y="{y + 4:.0f}">{_escaped(text)}</text>')
    for (source, target), path in layout.paths.items():
        points = [(margin + x * column, (y + 0.5) * row) for x, y in path]
        ends = (boxes[source].height / 2, boxes[target].height / 2)
        parts.append(f'<path class="edge" d="{_curve(points, *ends, row / 2)}"/>')
    for node, (x, y) in layout.places.items():
        parts.append(_box(boxes[node], margin + x * column, (y + 0.5) * row))
    return "".join(parts) + "</svg>"


def _curve(points: Sequence[tuple[float, float]], out: float, into: float, reach: float) -> str:
    points = [
        (points[0][0], points[0][1] + out),
        *points[1:-1],
        (points[-1][0], points[-1][1] - into),
    ]
    text = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        bend = min(reach, (y1 - y0) / 2)
        text += f"C{x0:.1f},{y0 + bend:.1f} {x1:.1f},{y1 - bend:.1f} {x1:.1f},{y1:.1f}"
    return text


def _box(box: Box, x: float, y: float) -> str:
    left, top = x - box.width / 2, y - box.height / 2
    parts = [
        f'<g class="{box.kind}"><title>{_escaped(box.hint or box.lines[0])}</title>'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width}" height="{box.height}" rx="5"/>'
    ]
    if box.colour is not None:
        parts.append(
            f'<rect class="stripe" x="{left:.1f}" y="{top:.1f}" width="5" height="{box.height}"'
            f' rx="2.5" style="fill:{box.colour}"/>'
        )
    if box.kept is not None:
        bar_left, full = left + 12, box.width - 22
        parts += [
            f'<rect class="bar" x="{bar_left + part:.1f}" y="{top + box.height - 7:.1f}"'
            f' width="{size:.1f}" height="3" rx="1.5" style="fill:{fill}"/>'
            for part, size, fill in (
                (0.0, full, "#e3e3df"),
                (0.0, full * box.kept, box.colour or "#555"),
            )
        ]
    baselines = {1: (4,), 2: (-3, 10)}[len(box.lines)]
    if box.kept is not None:  # above the bar
        baselines = {1: (2,), 2: (-6, 7)}[len(box.lines)]
    for i, (text, baseline) in enumerate(zip(box.lines, baselines, strict=True)):
        muted = ' class="muted"' if i else ""
        parts.append(
            f'<text{muted} x="{x:.1f}" y="{y + baseline:.1f}" text-anchor="middle">'
            f"{_escaped(text)}</text>"
        )
    return "".join(parts) + "</g>"


def _escaped(text: str) -> str:
    """Return a text as it may stand in an element or an attribute."""
    return escape(shown(text))
