"""Further stages: their places, their seconds, their callbacks and the failures they declare."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest

from mpineat import registry
from mpineat.config.learning import STAGES
from mpineat.data.dataset import open_dataset
from mpineat.errors import Failure, InputError
from mpineat.tasks import Epoch, Outcome, Task
from mpineat.training.evaluate import Evaluator
from mpineat.training.evaluation import Evaluation
from mpineat.training.stages import stages
from tests.installed import ROOT
from tests.training.test_evaluate import CONFIG, candidate, task

__all__ = ["candidate"]  # a fixture


class Watch:
    """Looks at the network that structure learning left, and at every epoch."""

    name = "watch"
    before = "build"
    seconds = ("watch",)
    reasons: ClassVar[Mapping[str, str]] = {"boring": "candidate", "noise": "machine"}
    judge: ClassVar[Callable[[Epoch], None]]
    seen: ClassVar[list[object]]

    def run(self, evaluation: Evaluation) -> None:
        self.seen += [len(evaluation.networks), evaluation.task.context]
        evaluation.on_epoch.append(type(self).judge)


class Late:
    """Names no place of its own."""

    name = "late"
    seconds = ()
    reasons: ClassVar[Mapping[str, str]] = {}

    def run(self, evaluation: Evaluation) -> None:
        assert evaluation.model is not None


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, attribute in (("watch", "Watch"), ("late", "Late"), ("later", "Late")):
        monkeypatch.setitem(registry.BUILT_IN["stage"], name, f"{__name__}:{attribute}")  # type: ignore[arg-type]
    Watch.judge, Watch.seen = (lambda epoch: None), []


def outcome_with(of: Task, *names: str) -> Outcome:
    training = CONFIG.training.model_copy(update={"stages": names})
    config = CONFIG.model_copy(update={"training": training})
    return Evaluator(config, open_dataset(CONFIG.dataset, 0), gpu=False)(of)


def test_a_further_stage_runs_before_the_one_that_it_names() -> None:
    assert [stage.name for stage in stages(("late", "watch", "later"))] == [
        *("assemble", "inherit", "structure_learning", "watch", "build"),
        *("late", "late", "train", "leave"),
    ]


def test_a_stage_before_one_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "before", "bulid")
    with pytest.raises(InputError, match="'watch' runs before 'bulid', which is none of the"):
        stages(("watch",))


def test_every_evaluation_goes_through_stages_that_the_registry_knows() -> None:
    assert tuple(stage.name for stage in stages(())) == STAGES
    assert all(registry.load("stage", name).name == name for name in STAGES)


def test_a_stage_sees_what_was_left_to_it_and_its_seconds_have_a_name(candidate) -> None:
    outcome = outcome_with(task(candidate, compress=True, context={"mood": 0.5}), "watch", "late")
    assert outcome.status == "ok", outcome.detail
    assert Watch.seen == [2, {"mood": 0.5}]
    assert list(outcome.seconds.stages) == [
        *("assemble", "structure_learning", "watch", "build", "train", "evaluate")
    ]
    assert outcome.seconds.stages["watch"] > 0


@pytest.mark.parametrize(("reason", "fault"), [("boring", "candidate"), ("noise", "machine")])
def test_what_a_stage_raises_after_an_epoch_ends_the_training(candidate, reason, fault) -> None:
    def give_up(epoch: Epoch) -> None:
        raise Failure(reason, fault, f"after epoch {epoch.epoch}")

    Watch.judge = give_up
    outcome = outcome_with(task(candidate), "watch")
    assert (outcome.status, outcome.reason, outcome.fault) == ("failed", reason, fault)
    assert outcome.detail == "after epoch 1"
    assert [point.epoch for point in outcome.curve] == [1]
    assert outcome.accuracy is None
    assert outcome.seconds.stages["train"] > 0


def test_a_failure_that_no_stage_declares_is_an_error_that_says_so(candidate) -> None:
    def give_up(epoch: Epoch) -> None:
        raise Failure("tired", "candidate", "enough")

    Watch.judge = give_up
    outcome = outcome_with(task(candidate), "watch")
    assert outcome.reason == "error"
    assert outcome.detail == (
        "('tired', 'candidate', 'enough') is in no stage's `reasons`: declare it"
    )


def test_every_failure_of_a_stage_is_declared() -> None:
    declared = {
        item
        for name in registry.BUILT_IN["stage"]
        for item in registry.load("stage", name).reasons.items()
    }
    raised = {
        found.groups()
        for path in (ROOT / "mpineat").rglob("*.py")
        for found in re.finditer(r'(?:Failure|__init__)\(\s*"(\w+)",\s*"(\w+)",', path.read_text())
    }
    assert len(raised) > 2
    assert raised <= declared
