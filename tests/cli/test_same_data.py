"""A run goes on with the data it began with, wherever they lie."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mpineat.cli import same_data
from mpineat.config import Config, Dataset
from mpineat.data.survey import survey
from mpineat.errors import InputError
from tests.installed import ROOT, mpineat

DRY = (
    "dataset.name=file",
    "farm.evaluator=dry_run",
    "farm.dry_run_seconds=0.01",
    "evolution.candidates=2",
    "evolution.modules=4",
    "evolution.blueprints=3",
)


def fingerprint(examples=None):
    return survey(Dataset(train_examples=examples)).fingerprint()


def launch(run, data, generations):
    words = (f"dataset.path={data}", *DRY, f"evolution.generations={generations}", "--resume")
    return mpineat("run", ROOT / "configs/digits.yaml", run, *words)


def write(path, seed=0):
    x = np.random.default_rng(seed).integers(0, 256, (80, 8, 8, 1), np.uint8)
    np.savez(path, x=x, y=np.arange(80) % 4)
    return path


def test_the_record_is_written_once_and_compared(tmp_path):
    found = fingerprint()
    same_data.record(tmp_path, found)
    before = (tmp_path / same_data.DATASET).read_bytes()
    same_data.record(tmp_path, found)
    assert (tmp_path / same_data.DATASET).read_bytes() == before
    record = json.loads(before)
    (tmp_path / same_data.DATASET).write_text(json.dumps(record | {"classes": 9}))
    with pytest.raises(InputError, match=r"another data set: classes: 9 were recorded, found 10"):
        same_data.compare(tmp_path, found)
    (tmp_path / same_data.DATASET).write_text("{")
    with pytest.raises(InputError, match=r"dataset\.json: expected the record of the run's data"):
        same_data.compare(tmp_path, found)


def test_a_report_takes_the_place_where_the_data_lie_now(tmp_path):
    run = tmp_path / "run"
    assert launch(run, write(tmp_path / "old.npz"), 1).returncode == 0
    new = (tmp_path / "old.npz").rename(tmp_path / "new.npz")
    done = mpineat("report", run, f"dataset.path={new}")
    assert done.returncode == 0, done.stderr
    assert str(new) in (run / "report.html").read_text()
    assert mpineat("report", run, "run.seed=3").returncode == 2


def test_only_the_datas_place_may_be_told_anew():
    config = Config(dataset=Dataset(name="file", path="/old.npz"))
    assert same_data.moved(config, ["dataset.path=/new.npz"]).dataset.path == "/new.npz"
    with pytest.raises(InputError, match=r"'run\.seed=3': expected dataset\.path=PATH and no more"):
        same_data.moved(config, ["run.seed=3"])


def test_a_run_resumes_with_moved_data_and_refuses_others(tmp_path):
    run, data = tmp_path / "run", write(tmp_path / "a.npz")
    first = launch(run, data, 1)
    assert first.returncode == 0, first.stderr
    entry = json.loads((run / "provenance.json").read_text())[0]
    assert entry["dataset"] == json.loads((run / same_data.DATASET).read_text())
    moved = data.rename(tmp_path / "b.npz")
    again = launch(run, moved, 2)
    assert again.returncode == 0, again.stderr
    write(moved, seed=1)
    other = launch(run, moved, 3)
    assert other.returncode == 2
    assert "the run has another data set: images or labels to train on" in other.stderr


def test_a_path_in_a_configuration_means_the_file_beside_it(tmp_path):
    (tmp_path / "p").mkdir()
    write(tmp_path / "p" / "a.npz")
    config = tmp_path / "p" / "c.yaml"
    config.write_text("dataset: {name: file, path: a.npz}\n")
    found = mpineat("check", "p/c.yaml", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert f"path: {tmp_path / 'p' / 'a.npz'}" in found.stdout
    assert mpineat("check", "c.yaml", cwd=tmp_path / "p").returncode == 0
    write(tmp_path / "here.npz")
    config.write_text("dataset: {name: file, path: here.npz}\n")
    found = mpineat("check", "p/c.yaml", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    said = "p/c.yaml:1: dataset.path: not beside this file, taken from the current folder"
    assert said in found.stdout + found.stderr
