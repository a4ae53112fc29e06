"""`auto` takes what is fastest on the device, and never what it refuses."""

from __future__ import annotations

import tensorflow as tf

from mpineat.config import Dataset, Training
from mpineat.data.dataset import open_dataset
from mpineat.training import fit, tuning

AUTO = Training(mixed_precision="auto", jit_compile="auto", epochs=1, batch_size=64)


def test_without_a_gpu_both_are_off_and_nothing_is_measured():
    settled = tuning.settle(AUTO, None, gpu=False)
    assert (settled.mixed_precision, settled.jit_compile) == ("off", "off")


def test_a_choice_of_the_user_stays():
    settled = tuning.settle(Training(mixed_precision="on", jit_compile="off"), None, gpu=True)
    assert (settled.mixed_precision, settled.jit_compile) == ("on", "off")


def test_the_fastest_that_runs_is_taken():
    trials = [
        AUTO.model_copy(update={"jit_compile": jit, "mixed_precision": half})
        for jit in ("off", "on")
        for half in ("off", "on")
    ]

    def seconds(trial):
        if (trial.jit_compile, trial.mixed_precision) == ("on", "on"):
            raise tf.errors.InvalidArgumentError(None, None, "not here")
        return {"off": 2.0, "on": 1.0}[trial.jit_compile]

    chosen = tuning.fastest(trials, seconds)
    assert (chosen.jit_compile, chosen.mixed_precision) == ("on", "off")


def test_the_trial_runs_on_the_real_data():
    options = Dataset(train_examples=200)
    data = fit.load(open_dataset(options, 0), options)
    only = Training(jit_compile="off", mixed_precision="off", epochs=3, batch_size=64)
    assert tuning._candidate_seconds(only, data) > 0
