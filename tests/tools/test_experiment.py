"""tools/experiment.py: which runs it starts, and that it goes on where it stopped."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest

from mpineat import store
from mpineat.experiments.groups import GROUPS

ROOT = Path(__file__).parents[2]
OPTIONS = (
    "farm.evaluator=dry_run", "evolution.generations=2", "evolution.candidates=4",
    "final.seeds=1",
)  # fmt: skip


def command(output: Path, *words: str, ranks: int = 1) -> list[str]:
    tool = [sys.executable, str(ROOT / "tools" / "experiment.py"), "configs/digits.yaml"]
    return [*tool, "--ranks", str(ranks), "--output", str(output), *OPTIONS, *words]


def experiment(output: Path, *words: str, ranks: int = 1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(output, *words, ranks=ranks), cwd=ROOT, text=True, capture_output=True
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a finished experiment of two seeds, to be looked at."""
    folder = tmp_path_factory.mktemp("finished") / "runs"
    assert experiment(folder, "--seeds", "2").returncode == 0
    return folder


@pytest.fixture
def output(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of it, to be broken and gone on with."""
    return Path(shutil.copytree(finished, tmp_path / "runs"))


def test_both_groups_of_each_seed_start_from_the_same_populations(finished: Path) -> None:
    names = sorted(path.name for path in finished.iterdir())
    assert names == ["compressed-s0", "compressed-s1", "plain-s0", "plain-s1"]
    first = {name: store.read_run(finished / name).generations[0] for name in names}
    for seed in (0, 1):
        plain, compressed = first[f"plain-s{seed}"], first[f"compressed-s{seed}"]
        assert plain.candidates == compressed.candidates
        assert [o.network_before for o in plain.outcomes] == [
            o.network_before for o in compressed.outcomes
        ]
        assert [o.flops_after for o in plain.outcomes] != [
            o.flops_after for o in compressed.outcomes
        ]
    assert first["plain-s0"].candidates != first["plain-s1"].candidates


def test_finished_runs_are_not_repeated_and_lost_ones_are(output: Path) -> None:
    kept = store.read_run(output / "plain-s0")
    shutil.rmtree(output / "compressed-s0")

    again = experiment(output, "--seeds", "1")

    assert again.returncode == 0
    assert "plain-s0: finished before" in again.stdout
    assert store.read_run(output / "plain-s0").launches == kept.launches
    assert len(store.read_run(output / "compressed-s0").generations) == 2


def test_stopped_by_a_signal_it_waits_for_the_search_and_goes_on_later(tmp_path: Path) -> None:
    slow = ("farm.dry_run_seconds=0.5", "run.grace_seconds=0")
    process = subprocess.Popen(
        command(tmp_path, "--seeds", "1", *slow), cwd=ROOT, stdout=subprocess.DEVNULL
    )
    first = tmp_path / "plain-s0" / "generations" / "generation_0000.h5"
    while not first.exists() and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)

    assert process.wait(timeout=60) == 75
    assert len(store.read_run(tmp_path / "plain-s0").generations) == 1
    assert not (tmp_path / "compressed-s0").exists()
    assert experiment(tmp_path, "--index", "1").returncode == 0
    assert len(store.read_run(tmp_path / "plain-s0").generations) == 2


@pytest.mark.parametrize(
    ("index", "run_dir", "seed", "compressed"),
    [(1, "plain-s0", 0, "false"), (2, "compressed-s0", 0, "true"), (8, "compressed-s3", 3, "true")],
)
def test_index_of_an_array_names_seed_and_group(
    index: int, run_dir: str, seed: int, compressed: str, tmp_path: Path
) -> None:
    done = experiment(tmp_path, "--index", str(index), "--print")
    assert done.stdout.splitlines() == [
        "configs/digits.yaml",
        str(tmp_path / run_dir),
        *OPTIONS,
        f"run.seed={seed}",
        "evolution.early_discarding=none",
        f"compression.enabled={compressed}",
    ]


def test_a_group_may_have_options_of_its_own(tmp_path: Path) -> None:
    groups = ("--groups", "plain", "default", "--print", "default:compression.rule=uniform")
    done = experiment(tmp_path, "--seeds", "1", *groups)
    plain, default = done.stdout.split("\n\n")
    assert "uniform" not in plain
    assert default.splitlines()[1:] == [
        str(tmp_path / "default-s0"),
        *OPTIONS,
        "run.seed=0",
        *GROUPS["default"],
        "compression.rule=uniform",
    ]


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the tool in this process, its exports too: TensorFlow's start is not the point."""
    pytest.importorskip("tensorflow")
    from mpineat.cli.main import main
    from mpineat.cluster.stop import Stop
    from mpineat.training.export import final

    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.chdir(ROOT)
    tool, exported = (importlib.import_module(name) for name in ("experiment", "exported"))
    run = exported.run

    def run_here(words: list[str], output: IO[bytes] | None = None) -> int:
        if "export" not in words:
            return run(words, output)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = main(words[words.index("export") :])
        output.write(said.getvalue().encode())
        output.flush()
        return status

    monkeypatch.setattr(exported, "run", run_here)
    monkeypatch.setattr(final, "claim_device", lambda _: None)  # of this process, it is too late
    monkeypatch.setattr(Stop, "install", lambda _: None)
    return tool


def test_winners_are_measured_once_and_the_table_has_it(
    tmp_path: Path, in_place: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--groups", "default", "--seeds", "1", "--test", "1", "--test-epochs", "1", "--last")
    one = ("evolution.candidates=1", "dataset.train_examples=300", "training.epochs=2")
    short = command(tmp_path, *words, *one, "final.candidates=0")[2:]
    assert in_place.main(short) == 0
    last, lines = sorted((tmp_path / "exports").iterdir())
    (measured,) = map(json.loads, lines.read_text().splitlines())
    of_last = [json.loads(line) for line in last.read_text().splitlines()]
    assert all(line["as_searched"] and line["epochs"] == 2 for line in of_last)
    assert measured["seed"] == 0
    assert 0 <= measured["test_accuracy"] <= 1
    assert "export 1 of 1" in capfd.readouterr().out
    assert in_place.main(short) == 0
    assert "export" not in capfd.readouterr().out
    table = subprocess.run(
        [sys.executable, "tools/summarize.py", tmp_path, "--groups", "--exports", lines, last],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert f"{100 * measured['test_accuracy']:.2f}" in table.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--index", "9"], "--index 9: expected 1 to 8, 2 for each seed"),
        (["fast:training.epochs=1"], "unknown group 'fast'; known are plain, compressed, default"),
        (["evolution.generation=2"], "did you mean 'generations'"),
        (["--launcher", "no-such-mpirun -n"], "no-such-mpirun -n: not found"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(words: list[str], message: str, tmp_path: Path) -> None:
    done = experiment(tmp_path, *words, ranks=2)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_is_said_in_a_line(output: Path) -> None:
    newest = store.directory.generation_path(output / "plain-s0", 1)
    newest.unlink()
    newest.mkdir()  # reading fails, whoever reads
    again = experiment(output, "--index", "1")
    assert again.returncode == 1
    assert f"{newest}: cannot be read: not a regular file" in again.stderr
    assert "Traceback" not in again.stderr


def test_ranks_are_started_by_the_launcher(tmp_path: Path) -> None:
    if shutil.which("mpirun", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
        pytest.skip("no mpirun")
    assert experiment(tmp_path, "--index", "1", ranks=3).returncode == 0
    (launch,) = store.read_run(tmp_path / "plain-s0").launches
    assert launch.ranks == 3
