"""The thesis's figures 8, 9, 12 and 13-16, flops against accuracy, and layer widths."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mpineat import tasks
from mpineat.experiments.comparison import Comparison, Group
from mpineat.experiments.statistics import Spread
from mpineat.objectives import front_of
from mpineat.report.style import STYLE
from mpineat.tasks import Outcome

OUTLIERS = 0.1  # share of the networks that the figure of flops may leave out at the bottom
PLAIN, COMPRESSED, BEFORE = "#0072B2", "#D55E00", "#8c8c8c"
NAMES = {PLAIN: "plain", COMPRESSED: "with compression"}


def write_figures(
    comparisons: Sequence[Comparison], folder: Path, formats: Sequence[str] = ("svg", "pdf")
) -> tuple[Path, ...]:
    """Draw every figure for which there is data and return the files, in order.

    Equal runs give equal bytes: no dates, no random ids.
    """
    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with plt.style.context(STYLE):
        for name, figure in _figures(comparisons):
            for form in formats:
                path = folder / f"{name}.{form}"
                metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
                figure.savefig(path, metadata=metadata)
                written.append(path)
            plt.close(figure)
    return tuple(written)


def _figures(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, Figure]]:
    per_dataset: dict[str, Callable[[Comparison], Figure | None]] = {
        "generations": draw_generations,
        "training": draw_training,
        "flops": draw_flops,
        "widths": draw_widths,
    }
    bars = draw_bars(comparisons)
    if bars is not None:
        yield "time_and_accuracy", bars
    for comparison in comparisons:
        slug = re.sub(r"[^a-z0-9]+", "_", comparison.label.lower()).strip("_")
        for name, draw in per_dataset.items():
            figure = draw(comparison)
            if figure is not None:
                yield f"{name}_{slug}", figure


def draw_generations(comparison: Comparison) -> Figure | None:
    """Best accuracy of each generation, a line an experiment (figures 8 and 9).

    A seed has one colour in both panels; the black line is the mean of the finished experiments.
    """
    groups = [(c, g) for c, g in _groups(comparison) if any(e.generations for e in g.experiments)]
    if not groups:
        return None
    seeds = sorted({e.seed for _, group in groups for e in group.experiments})
    colours = {seed: f"C{number % 6}" for number, seed in enumerate(seeds)}
    figure, panels = plt.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)
    has_mean = False
    for axes, (colour, group) in zip(panels[0], groups, strict=True):
        finished = []
        for experiment in group.experiments:
            best = [(g.number, g.best.accuracy) for g in experiment.generations if g.best]
            numbers = [number for number, _ in best]
            accuracies = [100 * (accuracy or 0.0) for _, accuracy in best]
            axes.plot(numbers, accuracies, color=colours[experiment.seed], marker="o", alpha=0.8)
            if len(best) == experiment.planned:
                finished.append(accuracies)
        if len(finished) > 1:
            has_mean = True
            axes.plot(np.mean(finished, axis=0), color="black", linewidth=2, linestyle="--")
        axes.set_title(NAMES[colour])
        axes.set_xlabel("generation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panels[0][0].set_ylabel("best validation accuracy, %")
    handles = [Line2D([], [], color=colour, marker="o") for colour in colours.values()]
    names = [f"seed {seed}" for seed in seeds]
    if has_mean:
        handles.append(Line2D([], [], color="black", linewidth=2, linestyle="--"))
        names.append("mean")
    figure.legend(handles, names, loc="outside lower center", ncols=min(9, len(names)))
    figure.suptitle(comparison.label, fontsize=9)
    return figure


def draw_bars(comparisons: Sequence[Comparison]) -> Figure | None:
    """Minutes and accuracy of both groups on each data set (figure 12)."""
    shown = [c for c in comparisons if any(g.minutes or g.accuracy for _, g in _groups(c))]
    if not shown:
        return None
    figure, (time_axes, accuracy_axes) = plt.subplots(1, 2)
    for place, comparison in enumerate(shown):
        for colour, group in _groups(comparison):
            beside = place + (-0.2 if colour == PLAIN else 0.2)
            _draw_bar(time_axes, beside, group.minutes, colour)
            _draw_bar(accuracy_axes, beside, group.accuracy, colour)
        if comparison.speed_up is not None:
            times = [g.minutes for _, g in _groups(comparison) if g.minutes]
            time_axes.annotate(
                f"speed-up {comparison.speed_up.value:.2f}",
                (place, max(spread.mean + (spread.deviation or 0.0) for spread in times)),
                (0, 5),
                textcoords="offset points",
                ha="center",
            )
    for axes in (time_axes, accuracy_axes):
        axes.set_xticks(range(len(shown)), [c.label.replace(", ", "\n") for c in shown])
        axes.set_xlim(-0.6, len(shown) - 0.4)
        axes.grid(axis="x", visible=False)
    time_axes.margins(y=0.15)
    accuracy_axes.set_ylim(top=min(100.0, accuracy_axes.get_ylim()[1]))
    time_axes.set_title("time of the search")
    time_axes.set_ylabel("minutes")
    accuracy_axes.set_title("accuracy of the last generations")
    accuracy_axes.set_ylabel("validation accuracy, %")
    handles = [Patch(color=colour, alpha=0.85) for colour in NAMES]
    figure.legend(handles, list(NAMES.values()), loc="outside lower center", ncols=2)
    return figure


def _draw_bar(axes: Axes, place: float, spread: Spread | None, colour: str) -> None:
    """Draw a mean with its standard deviation, and write the mean into the bar's foot."""
    if spread is None:
        return
    axes.bar(place, spread.mean, 0.36, color=colour, alpha=0.85)
    if spread.deviation is not None:
        axes.errorbar(
            place, spread.mean, spread.deviation, color="#333333", linewidth=0.8, capsize=2
        )
    axes.annotate(
        f"{spread.mean:.2f}",
        (place, 0),
        (0, 3),
        textcoords="offset points",
        ha="center",
        color="white",
        fontsize=6.5,
    )


def draw_training(comparison: Comparison) -> Figure | None:
    """Validation loss and accuracy of the winners over their training (figures 13-16)."""
    winners = [(c, w) for c, g in _groups(comparison) if (w := _winner(g)) is not None and w.curve]
    if not winners:
        return None
    figure, (loss_axes, accuracy_axes) = plt.subplots(1, 2)
    for colour, winner in winners:
        epochs = [point.epoch for point in winner.curve]
        style: dict[str, Any] = {"color": colour, "marker": "o", "label": NAMES[colour]}
        loss_axes.plot(epochs, [point.val_loss for point in winner.curve], **style)
        accuracy_axes.plot(epochs, [100 * point.val_accuracy for point in winner.curve], **style)
    loss_axes.set_ylabel("validation loss")
    accuracy_axes.set_ylabel("validation accuracy, %")
    for axes in (loss_axes, accuracy_axes):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    loss_axes.legend()
    figure.suptitle(f"{comparison.label}: training of the best network", fontsize=9)
    return figure


def draw_flops(comparison: Comparison) -> Figure | None:
    """Flops against accuracy of all networks, with Pareto fronts before and after compression."""
    clouds: list[tuple[str, str, list[tuple[float, float]]]] = []
    if comparison.plain is not None:
        clouds.append((PLAIN, "plain", _points(comparison.plain, "flops_after")))
    if comparison.compressed is not None:
        clouds.append(
            (BEFORE, "before compression", _points(comparison.compressed, "flops_before"))
        )
        clouds.append(
            (COMPRESSED, "after compression", _points(comparison.compressed, "flops_after"))
        )
    if not any(points for _, _, points in clouds):
        return None
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    for colour, name, points in clouds:
        if not points:
            continue
        costs, accuracies = zip(*points, strict=True)
        hollow = colour == BEFORE
        axes.scatter(
            costs,
            accuracies,
            s=8,
            alpha=0.35,
            linewidths=0.6,
            edgecolors=colour,
            facecolors="none" if hollow else colour,
        )
        front = front_of((accuracy, flops) for flops, accuracy in points)
        axes.step(
            [flops for _, flops in front],
            [accuracy for accuracy, _ in front],
            where="post",
            color=colour,
            label=f"{name}, Pareto front",
            linestyle="--" if hollow else "-",
            linewidth=1.6,
        )
    every = np.array([accuracy for _, _, points in clouds for _, accuracy in points])
    # A few networks that learned nothing would press all the others into one line.
    bottom = np.quantile(every, OUTLIERS) - 1
    if (every < bottom).any():
        axes.set_ylim(bottom=bottom)
        below = f"{np.mean(every < bottom):.0%} of the networks lie below"
        axes.annotate(below, (0.01, 0.02), xycoords="axes fraction", color="#666666")
    axes.set_ylim(top=min(100.5, axes.get_ylim()[1]))
    axes.set_xscale("log")
    axes.set_xlabel("flops of one forward pass")
    axes.set_ylabel("validation accuracy, %")
    axes.set_title(comparison.label)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def draw_widths(comparison: Comparison) -> Figure | None:
    """Widths of the compressed group's best network, layer by layer, before and after."""
    group = comparison.compressed
    winner = _winner(group) if group is not None else None
    if winner is None or winner.compressed is None or not winner.compressed.widths:
        return None
    names = list(winner.compressed.widths)
    before, after = zip(*winner.compressed.widths.values(), strict=True)
    figure, axes = plt.subplots(figsize=(6.4, 0.9 + 0.22 * len(names)))
    rows = np.arange(len(names))
    axes.barh(rows, before, 0.7, color="#dddddd", label="before")
    axes.barh(rows, after, 0.7, color=COMPRESSED, alpha=0.85, label="after")
    for row, (wide, narrow) in enumerate(zip(before, after, strict=True)):
        axes.annotate(
            f"{narrow} of {wide}",
            (wide, row),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
        )
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("filters or units")
    axes.set_title(
        f"{comparison.label}: best network, accuracy {100 * (winner.accuracy or 0.0):.2f} %"
    )
    figure.legend(loc="outside lower right", ncols=2)
    return figure


def _groups(comparison: Comparison) -> list[tuple[str, Group]]:
    both = ((PLAIN, comparison.plain), (COMPRESSED, comparison.compressed))
    return [(colour, group) for colour, group in both if group is not None]


def _winner(group: Group) -> Outcome | None:
    return tasks.best(w for e in group.experiments if (w := e.winner) is not None)


def _points(group: Group, flops: str) -> list[tuple[float, float]]:
    return [
        (getattr(o, flops), 100 * o.accuracy)
        for e in group.experiments
        for o in e.outcomes
        if o.accuracy is not None and getattr(o, flops) > 0
    ]
