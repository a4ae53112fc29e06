"""The page's charts as inline SVG: fitness, species, accuracy against flops, learning, Gantt."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mpineat import units
from mpineat.evolution.state import Population, State
from mpineat.objectives import front_of
from mpineat.report.drawing import species_colour
from mpineat.report.style import STYLE
from mpineat.report.timeline import OTHER, Timeline
from mpineat.tasks import Outcome

INK, ACCENT, PALE = "#1f2a37", "#0072b2", "#9aa5b1"
# On a page a chart is a column of about 380 pixels: its points are nearly the reader's pixels.
ON_PAGE = {
    "figure.figsize": (4.7, 3.1),
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.fontsize": 9.5,
    "grid.color": "#e8e8e4",
    "savefig.transparent": True,
}
# Of stages, in their order, and then of what is none.
STAGES = ("#cc79a7", "#e69f00", PALE, ACCENT, "#56b4e9", "#009e73", "#d55e00", "#f0e442")
NO_STAGE = {OTHER: "#d5d9de", "idle": "#f1f1ee"}
CONNECTED_AT_MOST = 200  # more lines from before to after compression would hide the dots
DOTS_AT_MOST = 1500  # beyond, dots are pixels: as shapes they would weigh megabytes
RANKS_AT_MOST = 48
BARS_AT_MOST = 4000
ENDS_AT_MOST = 12  # generations that are named above the bars


def fitness_chart(
    generations: Sequence[tuple[int, Sequence[float]]], measured: str = "accuracy"
) -> str | None:
    """Best, mean and quartiles of fitness over the generations; each is (number, fitnesses).

    Args:
        measured: The title of training.metric, as in the other charts.
    """
    shown = [(number, values) for number, values in generations if values]
    if not shown:
        return None
    with _page_style():
        figure, axes = plt.subplots()
        numbers = [number for number, _ in shown]
        low, middle, high = (
            [float(np.quantile(values, q)) for _, values in shown] for q in (0.25, 0.5, 0.75)
        )
        axes.fill_between(numbers, low, high, color=ACCENT, alpha=0.15, lw=0, label="middle half")
        axes.plot(numbers, middle, color=ACCENT, lw=1, ls=":", label="median")
        axes.plot(numbers, [np.mean(v) for _, v in shown], color=ACCENT, ls="--", label="mean")
        axes.plot(numbers, [max(v) for _, v in shown], color=INK, marker="o", lw=1.8, label="best")
        _generation_axis(axes, numbers)
        axes.set_ylabel(f"validation {measured}")
        axes.legend(loc="lower right", ncols=2)
        return _svg(figure, f"{measured} by generation".capitalize())


def species_chart(states: Sequence[State]) -> str | None:
    """Sizes of the species of modules and of blueprints over the generations."""
    if not states:
        return None
    with _page_style():
        figure, panels = plt.subplots(2, 1, sharex=True)
        numbers = [state.generation for state in states]
        for axes, name in zip(panels, ("modules", "blueprints"), strict=True):
            populations: list[Population[Any]] = [getattr(state, name) for state in states]
            floor = np.zeros(len(states))
            for species in sorted({s.id for p in populations for s in p.species}):
                sizes = np.array(
                    [sum(len(s.members) for s in p.species if s.id == species) for p in populations]
                )
                axes.bar(
                    numbers,
                    sizes,
                    0.86,
                    floor,
                    color=species_colour(species),
                    edgecolor="white",
                    linewidth=0.8 if len(states) < 60 else 0,
                    alpha=0.9 if name == "modules" else 0.6,
                )
                floor += sizes
            axes.set_ylabel(name)
            axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
            axes.grid(axis="x", visible=False)
        _generation_axis(panels[-1], numbers, margin=0.5)
        return _svg(figure, "Species over time")


def flops_chart(
    outcomes: Sequence[Outcome], generation_of: dict[int, int], measured: str = "accuracy"
) -> str | None:
    """Fitness against flops, before and after compression, with the Pareto front."""
    shown = [o for o in outcomes if o.fitness is not None and o.flops_after > 0]
    if not shown:
        return None
    with _page_style():
        figure, axes = plt.subplots()
        moved = [o for o in shown if 0 < o.flops_before != o.flops_after]
        if len(moved) <= CONNECTED_AT_MOST:
            for o in moved:
                ends = [o.flops_before, o.flops_after]
                axes.plot(ends, [o.fitness or 0.0] * 2, color="#dddddd", lw=0.8, zorder=1)
        if moved:
            axes.scatter(
                [o.flops_before for o in moved],
                [o.fitness or 0.0 for o in moved],
                s=12,
                facecolors="none",
                edgecolors=PALE,
                linewidths=0.7,
                label="before compression",
                zorder=2,
                rasterized=len(moved) > DOTS_AT_MOST,
            )
        dots = axes.scatter(
            [o.flops_after for o in shown],
            [o.fitness or 0.0 for o in shown],
            c=[generation_of.get(o.candidate, 0) for o in shown],
            cmap=ListedColormap(plt.get_cmap("viridis")(np.linspace(0.86, 0.0, 64))),
            s=20,
            linewidths=0,
            zorder=3,
            rasterized=len(shown) > DOTS_AT_MOST,
        )
        front = front_of((o.fitness or 0.0, o.flops_after) for o in shown)
        axes.step(
            [flops for _, flops in front],
            [fitness for fitness, _ in front],
            where="post",
            color="#d55e00",
            lw=1.4,
            label="nothing better for less",
            zorder=4,
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: units.count(value)))
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel("flops of one forward pass")
        axes.set_ylabel(f"validation {measured}")
        _leave_outliers_below(axes, [o.fitness or 0.0 for o in shown])
        figure.legend(loc="outside lower center", ncols=2)
        if len(set(generation_of.values())) > 1:
            bar = figure.colorbar(dots, ax=axes, fraction=0.04, pad=0.02, label="generation")
            bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            bar.outline.set_visible(False)
        return _svg(figure, f"{measured} against flops".capitalize())


def learning_chart(outcome: Outcome, measured: str = "accuracy") -> str | None:
    """Loss, accuracy and what else is measured of a candidate's training over its epochs."""
    if len(outcome.curve) < 2:
        return None
    with _page_style():
        figure, panels = plt.subplots(1, 2)
        epochs = [point.epoch for point in outcome.curve]
        for axes, name in zip(panels, ("loss", "accuracy"), strict=True):
            axes.plot(epochs, [getattr(p, name) for p in outcome.curve], color=PALE, marker="o")
            axes.plot(
                epochs, [getattr(p, f"val_{name}") for p in outcome.curve], color=INK, marker="o"
            )
            axes.set_title(name, fontsize=10)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        panels[0].legend(["training", "validation"], loc="upper right")
        if outcome.metric is not None:
            found = [point.val_metric for point in outcome.curve]
            panels[1].plot(epochs, found, color=ACCENT, marker="o", label=measured)
            panels[1].legend(loc="lower right")
        return _svg(figure, "Learning curve of the winner")


def stage_colours(stages: Sequence[str]) -> dict[str, str]:
    """Return the colours of the stages, and of the time that belongs to none."""
    return dict(zip(stages, cycle(STAGES), strict=False)) | NO_STAGE


def gantt_chart(times: Timeline) -> str | None:
    """What each rank did when."""
    if not times.bars:
        return None
    ranks = list(times.busy)[:RANKS_AT_MOST]
    row = {rank: number for number, rank in enumerate(ranks)}
    bars = [bar for bar in times.bars if bar.rank in row]
    if len(bars) > BARS_AT_MOST:  # the shortest are below a pixel then
        bars = sorted(bars, key=lambda bar: -bar.seconds)[:BARS_AT_MOST]
    with _page_style():
        figure, axes = plt.subplots(figsize=(15, 0.9 + 0.3 * max(2, len(ranks))))
        for stage, colour in stage_colours(times.stages).items():
            for rank in ranks:
                spans = [(b.start, b.seconds) for b in bars if b.stage == stage and b.rank == rank]
                if spans:
                    axes.broken_barh(spans, (row[rank] - 0.36, 0.72), color=colour, linewidth=0)
        for cut in times.cuts:
            axes.axvline(cut, color=INK, lw=0.8, ls=(0, (2, 2)))
        for generation, end in times.ends.items():
            axes.axvline(end, color=PALE, lw=0.7, zorder=0)
            if len(times.ends) <= ENDS_AT_MOST:
                axes.annotate(
                    f"generation {generation}",
                    (end, 1),
                    (-3, 2),
                    xycoords=("data", "axes fraction"),
                    textcoords="offset points",
                    ha="right",
                    fontsize=9,
                    color=INK,
                )
        axes.set_yticks(
            range(len(ranks)), [f"rank {rank}, {times.busy[rank]:.0%} busy" for rank in ranks]
        )
        axes.set_ylim(len(ranks) - 0.4, -0.6)
        axes.set_xlim(0, times.seconds)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: units.duration(value)))
        axes.set_xlabel("working time")
        axes.grid(axis="y", visible=False)
        return _svg(figure, "What each rank did when")


def _page_style() -> AbstractContextManager[None]:
    matplotlib.use("Agg")
    return plt.style.context([STYLE, ON_PAGE])


def _leave_outliers_below(axes: Axes, accuracies: Sequence[float]) -> None:
    """Keep a network that learnt nothing from pressing all others against the upper edge."""
    low, high = np.quantile(accuracies, (0.25, 0.75))
    floor = low - 3 * max(high - low, 0.005)
    below = sum(accuracy < floor for accuracy in accuracies)
    if below:
        axes.set_ylim(bottom=floor)
        axes.annotate(
            f"{below} below",
            (0.01, 0.02),
            xycoords="axes fraction",
            color=INK,
            fontsize=9,
        )


def _generation_axis(axes: Axes, numbers: Sequence[int], margin: float = 0.25) -> None:
    axes.set_xlabel("generation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(min(numbers) - margin, max(numbers) + margin)


def _svg(figure: Figure, title: str) -> str:
    """Return the figure as an element that takes its size and fonts from the page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Its style sheet would reach the whole page; page.css repeats it for charts alone.
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="[A-Za-z0-9]+_\d+"', "", text)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    size = re.search(r'viewBox="([^"]*)"', text)
    assert size is not None
    head = f'<svg class="chart" role="img" aria-label="{title}" viewBox="{size[1]}"'
    return re.sub(r"^<svg[^>]*>", f'{head} xmlns:xlink="http://www.w3.org/1999/xlink">', text)
