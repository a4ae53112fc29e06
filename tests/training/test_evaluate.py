"""The child's evaluation: every end of a candidate is an Outcome with its reason."""

from __future__ import annotations

import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import tensorflow as tf

from mpineat.child.agreement import read_outcome
from mpineat.child.failures import RefusedStart
from mpineat.child.messages import Setup
from mpineat.config import Config
from mpineat.data.dataset import describe, open_dataset
from mpineat.errors import InputError
from mpineat.evolution.strategy import select
from mpineat.genotype.genes import Hyperparameters
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble
from mpineat.tasks import Outcome, Task, outcome_from_bytes, outcome_to_bytes
from mpineat.training import evaluate, fit

CONFIG = Config.model_validate(
    {
        "dataset": {"train_examples": 300},
        "search_space": {
            "filters": (4, 8),
            "dense_units": (8, 16),
            "max_flops": 1e6,
            "initial_blueprint_nodes": (1, 1),
            "initial_module_nodes": (1, 1),
        },
        "training": {"epochs": 2, "batch_size": 64},
    }
)


@pytest.fixture(scope="module")
def evaluator():
    return evaluate.Evaluator(CONFIG, open_dataset(CONFIG.dataset, 0), gpu=False)


@pytest.fixture(scope="module")
def candidate():
    description = describe(CONFIG.dataset)
    strategy = select(CONFIG)
    asked = strategy.ask(
        strategy.initial(CONFIG),
        CONFIG,
        lambda item: assemble(
            item, description.input_shape, description.classes, CONFIG.search_space
        ),
        count=1,
    )
    return asked.candidates[0], asked.built[0]


def task(candidate, **changes):
    item, network = candidate
    values = {
        "network_hash": network.hash(),
        "seed": 2**62 + 1,
        "compress": False,
        "flops": cost.flops(network),
    }
    return Task(candidate=item, **(values | changes))


def test_an_evaluation_tells_accuracy_curve_and_where_the_time_went(evaluator, candidate):
    outcome = evaluator(task(candidate))
    assert (outcome.status, outcome.fault, outcome.reason) == ("ok", "", "")
    assert outcome.accuracy == outcome.curve[-1].val_accuracy
    assert len(outcome.curve) == 2
    unfilled = [
        column.name
        for column in fields(Outcome)
        if column.metadata and getattr(outcome, column.name) == column.default
    ]
    # Another one than accuracy; of the discarded alone; which the worker knows.
    assert unfilled == ["metric", "estimate", "rank"]
    assert outcome.network_before == outcome.network_after == candidate[1].to_json()
    assert outcome.flops_before == cost.flops(candidate[1])
    stages = outcome.seconds.stages
    assert list(stages) == ["assemble", "structure_learning", "build", "train", "evaluate"]
    assert all(stages[name] > 0 for name in ("assemble", "build", "train", "evaluate"))
    assert sum(stages.values()) <= outcome.seconds.total
    # JSON makes lists of the tuples inside a network's fields; the wire keeps all else.
    assert outcome_from_bytes(outcome_to_bytes(outcome)).curve == outcome.curve


def test_a_screen_is_the_beginning_of_the_full_training(evaluator, candidate):
    full = evaluator(task(candidate))
    screened = evaluator(replace(task(candidate), stop_after=1))
    assert (screened.status, screened.accuracy, screened.loss) == ("discarded", None, None)
    assert screened.curve == full.curve[:1]
    assert screened.network_after == full.network_after
    assert screened.seconds.stages["train"] > 0


def test_a_final_trains_its_own_epochs_and_no_limit_of_the_search_ends_it(candidate):
    training = CONFIG.training.model_copy(update={"max_minutes": 1e-9})
    config = CONFIG.model_copy(update={"training": training})
    evaluator = evaluate.Evaluator(config, open_dataset(CONFIG.dataset, 0), gpu=False)
    assert evaluator(task(candidate)).reason == "too_slow"
    outcome = evaluator(task(candidate, context={"epochs": 3.0, "seed": 1.0}))
    assert (outcome.status, len(outcome.curve)) == ("ok", 3)


def test_a_training_of_the_final_says_which_class_it_takes_for_which(evaluator, candidate):
    assert evaluator(task(candidate)).confusion == ()
    outcome = evaluator(task(candidate, context={"epochs": 3.0, "seed": 1.0}))
    images = sum(count for *_, count in outcome.confusion)
    right = sum(count for label, taken_for, count in outcome.confusion if label == taken_for)
    assert images == len(evaluator.data.validation.y)
    assert right / images == pytest.approx(outcome.accuracy)


def test_an_evaluation_by_another_metric_has_it_beside_the_accuracy(candidate):
    options = {"metric": "auc", "class_weights": "balanced"}
    config = Config.model_validate(
        {
            **CONFIG.model_dump(exclude={"evolution"}),
            "training": {**CONFIG.training.model_dump(), **options},
        }
    )
    evaluator = evaluate.Evaluator(config, open_dataset(config.dataset, 0), gpu=False)
    outcome = evaluator(task(candidate))
    assert outcome.fitness == outcome.metric == outcome.curve[-1].val_metric
    assert 0.5 < outcome.metric <= 1
    assert outcome.accuracy == outcome.curve[-1].val_accuracy != outcome.metric
    assert read_outcome(outcome_to_bytes(outcome)) == outcome_from_bytes(outcome_to_bytes(outcome))


def test_equal_tasks_have_equal_outcomes(evaluator, candidate):
    first, second = evaluator(task(candidate)), evaluator(task(candidate))
    assert first.curve == second.curve
    assert evaluator(task(candidate, seed=5)).curve != first.curve


def test_evolved_settings_reach_the_training_and_the_augmentation(evaluator, candidate):
    plain = Hyperparameters(3e-3, 0.9, False, False, *[0.0] * 7)
    item, network = candidate

    def curve(**genes):
        training = plain._replace(**genes)
        blueprint = item.blueprint._replace(training=training)
        return evaluator(task((replace(item, blueprint=blueprint), network))).curve

    curves = [evaluator(task(candidate)).curve, curve(momentum=0.7), curve(nesterov=True)]
    curves += [curve(flip=True), curve(scale=0.3)]
    assert curve() == curves[0]
    assert all(one != other for i, one in enumerate(curves) for other in curves[:i])


def test_compression_comes_before_the_training(evaluator, candidate):
    outcome = evaluator(task(candidate, compress=True))
    assert outcome.status == "ok"
    assert outcome.flops_after < outcome.flops_before
    assert outcome.compressed.widths
    assert outcome.compressed.step_seconds[1] > 0
    assert outcome.seconds.stages["structure_learning"] > 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (fit.Diverged("the loss became NaN"), "nan"),
        (fit.TooSlow("no time left"), "too_slow"),
        (tf.errors.ResourceExhaustedError(None, None, "out of memory"), "gpu_memory"),
        (tf.errors.InvalidArgumentError(None, None, "bad shape"), "error"),
        (ZeroDivisionError("ours"), "error"),
    ],
)
def test_a_failure_is_an_outcome_with_its_reason(evaluator, candidate, monkeypatch, error, reason):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(fit, "train", fail)
    outcome = evaluator(task(candidate))
    assert (outcome.status, outcome.fault, outcome.reason) == ("failed", "candidate", reason)
    assert outcome.accuracy is None
    assert str(error).split(":")[-1].strip() in outcome.detail
    assert outcome.network_before is not None


def test_a_network_beyond_a_limit_is_infeasible(candidate):
    space = CONFIG.search_space.model_copy(update={"max_layers": 1})
    narrow = CONFIG.model_copy(update={"search_space": space})
    outcome = evaluate.Evaluator(narrow, open_dataset(CONFIG.dataset, 0), gpu=False)(
        task(candidate)
    )
    assert (outcome.fault, outcome.reason) == ("candidate", "infeasible")
    assert "search_space.max_layers" in outcome.detail
    assert outcome.network_before is None


@pytest.mark.parametrize("error", [MemoryError, OSError, ImportError])
def test_what_the_host_lacks_is_not_the_candidates_fault(evaluator, candidate, monkeypatch, error):
    def fail(*_, **__):
        raise error("failed to map segment")

    monkeypatch.setattr(fit, "train", fail)
    with pytest.raises(error):
        evaluator(task(candidate))


def test_max_minutes_ends_a_slow_candidate(candidate):
    training = CONFIG.training.model_copy(update={"max_minutes": 1e-9})
    hurried = evaluate.Evaluator(
        CONFIG.model_copy(update={"training": training}), open_dataset(CONFIG.dataset, 0), gpu=False
    )
    assert hurried(task(candidate)).reason == "too_slow"


def test_fitness_is_measured_on_the_validation_split_alone(candidate):
    dataset = open_dataset(CONFIG.dataset, 0)
    object.__setattr__(dataset, "read_test", lambda: pytest.fail("the test set was read"))
    outcome = evaluate.Evaluator(CONFIG, dataset, gpu=False)(task(candidate))
    correct = outcome.accuracy * len(dataset.validation.y)
    assert correct == pytest.approx(round(correct), abs=1e-4)
    assert not np.isnan(outcome.loss)


def test_a_missing_package_is_told_before_the_first_candidate(monkeypatch):
    monkeypatch.setitem(sys.modules, "morph_net", None)  # any import of it fails
    config = Config(compression={"preset": "thesis", "backend": "morph_net"})
    with pytest.raises(InputError, match="needs Google's package"):
        evaluate.start(Setup(config=config, rank=1, host="here"))


def test_a_worker_that_finds_other_images_than_rank_0_refuses_to_start(monkeypatch):
    monkeypatch.setattr(evaluate, "claim_device", lambda _: "cpu")  # this process has one already
    setup = Setup(config=CONFIG, rank=1, host="node7", dataset="another digest")
    with pytest.raises(RefusedStart, match="holds other images on node7 than rank 0 has read"):
        evaluate.start(setup)


def test_the_recipe_is_of_the_finals_trainings_and_not_of_the_searchs(candidate, monkeypatch):
    changes = {"recipe": {"augment": "photographs", "mixup": 0.2, "batch_size": 32}}
    config = Config.model_validate(CONFIG.model_dump() | changes)
    own = evaluate.Evaluator(config, open_dataset(config.dataset, 0), gpu=False)
    trained, train = [], fit.train

    def listen(model, data, **how):
        trained.append((data.augment.originals, how["recipe"].mixup, how["batch_size"]))
        return train(model, data, **how)

    monkeypatch.setattr(fit, "train", listen)
    assert (
        own(task(candidate)).curve
        == evaluate.Evaluator(CONFIG, open_dataset(CONFIG.dataset, 0), gpu=False)(
            task(candidate)
        ).curve
    )
    assert own(task(candidate, context={"epochs": 1.0, "seed": 0.0})).status == "ok"
    assert trained == [(False, 0.0, 64), (False, 0.0, 64), (True, 0.2, 32)]
