"""Groups of runs: who belongs to which, what is compared with what, and the test accuracies."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from mpineat.config import Config
from mpineat.config.difference import flat
from mpineat.errors import InputError
from mpineat.experiments.experiment import Experiment
from mpineat.experiments.exports import AS_SEARCHED, Exports, read_exports
from mpineat.experiments.formats import FORMATS, as_csv
from mpineat.experiments.groups import GROUPS, Group, group_of, groups, report
from tests.experiments.experiments import experiment

SCREEN = {"early_discarding": "screen"}


def default(seed: int, minutes: float, **changes: object) -> Experiment:
    return experiment(
        seed, compressed=True, minutes=minutes, run_id=f"d{seed}", evolution=SCREEN, **changes
    )


def three_groups() -> list[Experiment]:
    return [
        run
        for seed in range(3)
        for run in (
            experiment(seed, compressed=False, minutes=30.0 + seed),
            experiment(seed, compressed=True, minutes=15.0),
            default(seed, 5.0),
        )
    ]


def export(run: Experiment, seed: int, accuracy: float | None) -> dict[str, object]:
    assert run.winner is not None
    return {
        "format": "mpineat-export",
        "run_id": run.run_id,
        "candidate": run.winner.candidate,
        "seed": seed,
        "epochs": 40,
        "flops": 1000,
        "test_accuracy": accuracy,
    }


def written(path: Path, lines: list[dict[str, object]]) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def by_name(runs: list[Experiment], exports: Exports | None = None) -> dict[str, Group]:
    return {group.name: group for group in groups(runs, exports or Exports())}


def test_a_run_belongs_to_a_group_by_its_options() -> None:
    assert [group_of(run) for run in three_groups()[:3]] == list(GROUPS)


def test_the_default_group_has_the_programs_defaults() -> None:
    usual = flat(Config())
    assert GROUPS["default"] == tuple(
        f"{name}={usual[name]}"
        for name in ("evolution.early_discarding", "compression.rule", "compression.target_flops")
    )


def test_each_group_is_compared_with_the_plain_one_in_pairs() -> None:
    found = by_name(three_groups())
    assert list(found) == ["plain", "compressed", "default"]
    assert found["plain"].speed_up is None
    speed_up = found["default"].speed_up
    assert speed_up is not None
    assert speed_up.low is not None
    assert speed_up.value == pytest.approx(31 / 5)
    assert 6.0 <= speed_up.low < speed_up.value
    assert found["compressed"].speed_up is not None
    assert found["default"].accuracy.number == 6
    assert all(group.notes == () for group in found.values())


def test_another_final_is_another_comparison_and_another_rule_a_variant() -> None:
    rule = {"rule": "budget"}
    found = by_name([*three_groups(), default(0, 4.0, compression=rule)])
    assert "default, compression.rule=budget" in found
    assert found["default, compression.rule=budget"].speed_up is not None
    longer = experiment(0, compressed=True, training={"epochs": 9})
    (lonely,) = [g for g in groups([*three_groups(), longer], Exports()) if "epochs" in g.label]
    assert lonely.notes == ("no plain run: nothing to compare it with",)


def test_an_unfinished_run_is_named_and_left_out() -> None:
    found = by_name([*three_groups(), default(3, 9.0, done=1)])["default"]
    assert len(found.minutes.samples) == 3
    assert "unfinished" in found.notes[0]


def test_exports_give_the_winners_test_accuracy(tmp_path: Path) -> None:
    runs = three_groups()
    lines = [
        export(run, seed, 0.9 + 0.01 * seed + (0.02 if run.discards else 0.0))
        for run in runs
        for seed in (0, 1)
    ]
    other = {**lines[0], "candidate": 0}  # of somebody who did not win
    again, failed = lines[0], export(runs[0], 7, None)
    path = written(tmp_path / "a.jsonl", [*lines, other, again, failed])
    found = by_name(runs, read_exports([path]))
    assert found["plain"].test.number == 6
    assert found["default"].test_gain is not None
    assert found["default"].test_gain.value == pytest.approx(2.0)


def test_the_last_generations_test_accuracies_are_not_the_winners(tmp_path: Path) -> None:
    (plain, _, own) = three_groups()[:3]
    (winner,) = [export(own, 0, 0.95)]
    last = [
        {**winner, "candidate": o.candidate, "test_accuracy": 0.5 + 0.1 * n, AS_SEARCHED: True}
        for n, o in enumerate(own.last_generation)
    ]
    earlier = {**last[0], "candidate": own.generations[0].outcomes[0].candidate}
    found = by_name(
        [plain, own], read_exports([written(tmp_path / "a.jsonl", [winner, *last, earlier])])
    )
    assert found["default"].last.samples == ((0, (50.0, 60.0)),)
    assert found["default"].test.samples == ((0, (95.0,)),)
    assert found["plain"].last.samples == ()


def test_what_no_export_wrote_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"format": "other"}\n[]\nnothing\n')
    problems = read_exports([path]).problems
    assert [problem.split(": ")[0] for problem in problems] == [f"{path}:{n}" for n in (1, 2, 3)]
    with pytest.raises(InputError, match="nowhere"):
        read_exports([tmp_path / "nowhere"])


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_every_group(form: str) -> None:
    text = FORMATS[form](report(groups(three_groups(), Exports()), Exports(), ("a: no run",)))
    assert all(name in text for name in GROUPS)
    assert ("a: no run" in text) == (form != "csv")


def test_csv_is_one_figure_a_line() -> None:
    found = report(groups(three_groups(), Exports()), Exports(), ())
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    (speed_up,) = [r for r in rows if (r["group"], r["quantity"]) == ("default", "speed_up")]
    assert float(speed_up["value"]) == pytest.approx(31 / 5)
