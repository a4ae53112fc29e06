"""What two configurations differ in, and the verdict on every option."""

import pytest

from mpineat.config import Config
from mpineat.config.difference import CHANGES_OUTCOMES, changed, changes_outcomes, flat
from mpineat.config.yaml_file import loads, options

# Options of these sections are decided one by one: most of them change no outcome.
ONE_BY_ONE = ("run", "farm")


def test_somebody_has_decided_of_every_option() -> None:
    for name, *_ in options():
        changes_outcomes(name)
        if name.partition(".")[0] in ONE_BY_ONE:
            assert name in CHANGES_OUTCOMES, f"{name}: does it change outcomes? say so in the list"


def test_the_list_names_no_option_that_is_gone() -> None:
    names = {name for name, *_ in options()}
    assert CHANGES_OUTCOMES.keys() <= names | set(Config.model_fields)


def test_an_option_that_nobody_decided_on_is_no_default() -> None:
    with pytest.raises(KeyError):
        changes_outcomes("newcomer.option")


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("training.epochs", True),
        ("dataset.augment.shift", True),
        ("farm.evaluator", True),
        ("run.seed", True),
        ("dataset.path", False),
        ("evolution.generations", False),
        ("farm.lost_seconds", False),
    ],
)
def test_verdicts(name: str, verdict: bool) -> None:
    assert changes_outcomes(name) is verdict


def test_differences_are_found_at_every_depth() -> None:
    config = loads("training: {epochs: 3}\ndataset: {augment: {shift: 0.2}}")
    assert changed(config, Config()) == {
        "dataset.augment.shift": (0.2, 0.1),
        "training.epochs": (3, 8),
    }
    assert changed(config, config) == {}
    assert flat(config)["dataset.augment.shift"] == 0.2
