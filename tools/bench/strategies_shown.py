"""The comparison of strategies as tables and as a figure."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.surrogate import Floats

from mpineat.experiments.statistics import compare_means

AT = (50, 200, 500)  # evaluations at which strategies are compared
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")


@dataclass(frozen=True)
class Found:
    """What the searches of one strategy found.

    Attributes:
        curves: [seeds, evaluations] the incumbent's accuracy in the mean.
        repeated: Share of the candidates whose network the search knew.
        seconds: Of one search, mean.
        ended: Searches that ended early, for want of a network within the limits.
    """

    curves: Floats
    repeated: float
    seconds: float
    ended: int


def tables(found: Mapping[str, Found], options: argparse.Namespace) -> str:
    """Return the strategies' figures as a Markdown table, the best at the end first."""
    at = [number for number in AT if number <= options.evaluations]
    head = ["strategy", *(f"best at {n}" for n in at), *(f"area to {n}" for n in at)]
    head += [f"beats random at {n}" for n in at if "random" in found]
    head += ["repeated", "ended early", "s a search"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, each in sorted(found.items(), key=lambda item: -item[1].curves[:, -1].mean()):
        cells = [name]
        cells += [interval(each.curves[:, n - 1]) for n in at]
        cells += [interval(each.curves[:, :n].mean(axis=1)) for n in at]
        if "random" in found:
            others = found["random"].curves
            wins = [int((each.curves[:, n - 1] > others[:, n - 1]).sum()) for n in at]
            cells += [f"{won} of {len(each.curves)}" for won in wins]
        cells += [f"{100 * each.repeated:.0f} %", str(each.ended), f"{each.seconds:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines)
    if "codeepneat" in found:
        text += "\n\n" + against(found, "codeepneat", at)
    return text


def against(found: Mapping[str, Found], own: str, at: Sequence[int]) -> str:
    """Return how far every other strategy is behind `own`, seed by seed."""
    lines = [f"| {own} minus | " + " | ".join(f"at {n}" for n in at) + " |"]
    lines.append("|---" * (len(at) + 1) + "|")
    for name, each in found.items():
        if name == own:
            continue
        cells = []
        for n in at:
            pairs = [[[v] for v in 100 * one.curves[:, n - 1]] for one in (found[own], each)]
            estimate = compare_means(*pairs, np.subtract, paired=True)
            low, high = estimate.low, estimate.high
            limits = "" if low is None or high is None else f" ({low:+.2f} to {high:+.2f})"
            cells.append(f"{estimate.value:+.2f}{limits}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def interval(values: Floats) -> str:
    """Return a mean and the half of its 95 % interval, in points."""
    half = 1.96 * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{100 * values.mean():.2f} +- {100 * half:.2f}"


def draw(found: Mapping[str, Found], path: Path) -> None:
    """Draw the mean of the best so far over the evaluations, with 95 % intervals."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from mpineat.report.style import STYLE

    with plt.style.context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 3.6))
        order = sorted(found.items(), key=lambda item: -item[1].curves[:, -1].mean())
        for number, (name, each) in enumerate(order):
            colour = COLOURS[number % len(COLOURS)]
            style = "-" if number < len(COLOURS) else "--"
            mean = 100 * each.curves.mean(axis=0)
            half = 196 * each.curves.std(axis=0, ddof=1) / len(each.curves) ** 0.5
            x = np.arange(1, len(mean) + 1)
            axes.plot(x, mean, color=colour, ls=style, label=name)
            axes.fill_between(x, mean - half, mean + half, color=colour, alpha=0.12, lw=0)
        axes.set_xscale("log")
        axes.set_ylim(bottom=min(100 * each.curves[:, 9].mean() for each in found.values()))
        marks = [mark for mark in (10, 20, 50, 100, 200, 500) if mark <= len(mean)]
        axes.set_xticks(marks, map(str, marks))
        axes.set_xlim(10, len(mean))
        axes.set_xlabel("evaluations")
        axes.set_ylabel("accuracy of the best so far, %")
        axes.legend(loc="lower right", ncols=2)
        figure.savefig(path)
        figure.savefig(path.with_suffix(".png"))
        plt.close(figure)
