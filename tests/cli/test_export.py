"""`mpineat export` as a batch job meets it: killed, stopped in time, resumed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mpineat.cli import main
from mpineat.config import Config
from mpineat.data.dataset import Dataset
from mpineat.errors import STOPPED, USAGE, InputError
from tests.searches import configured, search

pytestmark = pytest.mark.tensorflow
EPOCHS = ("--epochs", "5")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    config = Config.model_validate(
        {
            **configured(generations=1, candidates=2).model_dump(),
            "training": {"deterministic": True, "batch_size": 16},
            "dataset": {"train_examples": 400},
            "search_space": {"filters": [8, 16], "max_flops": 2e6},
            "recipe": {"average_epochs": 2},
        }
    )
    search(folder, config)
    return folder


def test_killed_at_any_moment_and_resumed_it_has_the_weights_of_no_kill(
    run_dir: Path, tmp_path: Path
) -> None:
    import keras

    whole, killed = tmp_path / "whole.keras", tmp_path / "killed.keras"
    checkpoint = tmp_path / "killed.keras.checkpoint"
    words = ["export", str(run_dir), *EPOCHS, "-o"]
    job = subprocess.Popen(
        [sys.executable, "-m", "mpineat", *words, str(killed)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not checkpoint.exists() and job.poll() is None:
        time.sleep(0.005)
    job.kill()
    assert job.wait() == -signal.SIGKILL
    assert not killed.exists()
    # One start of TensorFlow for both; all random numbers come from seeds.
    both = [[*words, str(killed), "--resume"], [*words, str(whole)]]
    code = f"import sys; from mpineat.cli.main import main; sys.exit(max(map(main, {both})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"goes on from .*killed\.keras\.checkpoint: [1-4] epochs? of 5", done.stdout)
    assert not checkpoint.exists()
    weights = [keras.models.load_model(path).get_weights() for path in (whole, killed)]
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_warning_signal_ends_it_in_75_with_the_training_kept(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    from mpineat.cluster.stop import Stop
    from mpineat.training.export import final

    monkeypatch.setattr(final, "claim_device", lambda _: None)  # of this process, it is too late

    def warned(self: Stop) -> None:
        handlers = [signal.signal(signal.SIGUSR2, self._caught)]
        os.kill(os.getpid(), signal.SIGUSR2)
        signal.signal(signal.SIGUSR2, handlers[0])

    words = ["export", str(run_dir), *EPOCHS, "-o", str(tmp_path / "m.keras")]
    with monkeypatch.context() as patched:
        patched.setattr(Stop, "install", warned)
        assert main.main(words) == STOPPED
    assert "stopped in epoch 1 of 5 by SIGUSR2" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras.checkpoint"]
    monkeypatch.setattr(Stop, "install", lambda _: None)
    for wrong, told in (
        ([], "--resume goes on with it"),
        (["--resume", "--seed", "3"], "of another training: --seed: not set is kept, 3 asked for"),
        (["--resume", "--candidate", "0"], "candidate: "),
        (["--resume", "recipe.mixup=0.1"], "recipe.mixup: 0.0 is kept, 0.1 asked for"),
    ):
        assert main.main([*words, *wrong]) == USAGE, wrong
        assert told in capsys.readouterr().err


def test_a_search_on_few_images_is_delivered_on_all(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    from mpineat.cluster.stop import Stop
    from mpineat.training.export import final

    trained: list[int] = []

    def taking(network: object, config: Config, dataset: Dataset, **_: object) -> None:
        trained.append(len(dataset.train.y) + len(dataset.validation.y))
        raise InputError("far enough")

    monkeypatch.setattr(Stop, "install", lambda _: None)
    monkeypatch.setattr(final, "claim_device", lambda _: None)  # of this process, it is too late
    monkeypatch.setattr(final, "export", taking)
    words = ["export", str(run_dir), *EPOCHS, "-o", str(tmp_path / "m.keras")]
    for more, examples in (([], 400), (["dataset.train_examples=null"], 1437)):
        assert main.main([*words, *more]) == USAGE
        assert trained.pop() == examples
        told = "400 of 1,437 training images, as in the search" in capsys.readouterr().out
        assert told == (not more)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--minutes", "0"], "argument --minutes: expected more than 0"),
        (["--minutes", "nan"], "argument --minutes: expected more than 0"),
        (["--minutes", "3", "--epochs", "3"], "not allowed with argument"),
        (["training.epochs=3"], "or recipe.option=value or dataset.train_examples=N"),
        (["recipe.mixup=-1"], "recipe.mixup: input should be greater"),
        (["--gpus", "0"], "argument --gpus: expected 1 to"),
        (["--gpus", "99"], "--gpus 99: TensorFlow finds "),
        (["--format", "json", "--resume"], "--format json trains nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run_dir: Path, words: list[str], told: str, monkeypatch, capsys
) -> None:
    from mpineat.cluster.stop import Stop
    from mpineat.training.export import final

    monkeypatch.setattr(final, "claim_device", lambda _: None)  # of this process, it is too late
    monkeypatch.setattr(Stop, "install", lambda _: None)
    assert main.main(["export", str(run_dir), "-o", "nowhere.json", *words]) == USAGE
    assert told in capsys.readouterr().err
