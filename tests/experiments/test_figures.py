"""The figures: which are drawn, what they show, and that they are reproducible."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from mpineat.experiments import figures
from mpineat.experiments.comparison import compare
from tests.experiments.experiments import FLOPS, KEPT, experiment


@pytest.fixture
def comparisons():
    return compare([experiment(seed, compressed=c) for seed in range(3) for c in (False, True)])


def labels(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_all_figures_in_both_formats_and_always_the_same_bytes(comparisons, tmp_path: Path) -> None:
    written = figures.write_figures(comparisons, tmp_path / "new" / "folder")
    names = [
        "time_and_accuracy",
        *(f"{n}_digits" for n in ("generations", "training", "flops", "widths")),
    ]
    assert [path.name for path in written] == [
        f"{n}.{form}" for n in names for form in ("svg", "pdf")
    ]
    for path in written:
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("svg")
        else:
            assert path.read_bytes().startswith(b"%PDF")
    again = figures.write_figures(comparisons, tmp_path / "again")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_a_line_an_experiment_and_one_for_the_mean(comparisons) -> None:
    figure = figures.draw_generations(comparisons[0])
    assert [len(axes.lines) for axes in figure.axes] == [4, 4]
    assert labels(figure) == ["seed 0", "seed 1", "seed 2", "mean"]
    assert list(figure.axes[0].lines[0].get_ydata()) == [70.0, 70.0]


def test_unfinished_experiment_is_drawn_but_not_in_the_mean() -> None:
    runs = [
        experiment(0, compressed=True, accuracies=(0.5,)),
        experiment(1, compressed=True, accuracies=(0.7,)),
        experiment(2, compressed=True, accuracies=(0.9,), done=1),
    ]
    figure = figures.draw_generations(compare(runs)[0])
    lines = figure.axes[0].lines
    assert len(lines) == 4
    assert list(lines[-1].get_ydata()) == pytest.approx([60.0, 60.0])


def test_bars_are_the_means_of_both_groups(comparisons) -> None:
    figure = figures.draw_bars(comparisons)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    assert heights == [[10.0, 10.0], [pytest.approx(60.0), pytest.approx(60.0)]]


def test_single_group_has_its_bars_and_no_speed_up() -> None:
    figure = figures.draw_bars(compare([experiment(compressed=True)]))
    assert [len(axes.patches) for axes in figure.axes] == [1, 1]
    assert not any("speed-up" in text.get_text() for text in figure.axes[0].texts)


def test_training_shows_the_winners_validation_curves(comparisons) -> None:
    figure = figures.draw_training(comparisons[0])
    losses, accuracies = figure.axes
    assert list(losses.lines[0].get_ydata()) == [1.0, 0.5, pytest.approx(1 / 3)]
    assert list(accuracies.lines[1].get_ydata()) == pytest.approx([10.0, 20.0, 30.0])


def test_flops_show_networks_before_and_after_compression(comparisons) -> None:
    figure = figures.draw_flops(comparisons[0])
    costs = [set(cloud.get_offsets()[:, 0]) for cloud in figure.axes[0].collections]
    assert costs == [{FLOPS}, {FLOPS}, {FLOPS * KEPT}]


def test_widths_before_and_after(comparisons) -> None:
    figure = figures.draw_widths(comparisons[0])
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == [64, 32, 20, 32]


def test_nothing_is_drawn_of_nothing(tmp_path: Path) -> None:
    assert figures.write_figures(compare([experiment(compressed=True, done=0)]), tmp_path) == ()
