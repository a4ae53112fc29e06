"""Networks that the run knows are passed over, as long as others come."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpineat import store
from mpineat.errors import Infeasible
from mpineat.genotype.genes import Hyperparameters
from mpineat.genotype.genome import Candidate
from mpineat.novelty import PASSES, Novelty
from mpineat.phenotype.assemble import assemble
from mpineat.phenotype.network import Network
from mpineat.store import directory
from tests import evaluations
from tests.searches import configured, history, search


def build(candidate: Candidate) -> Network:
    return assemble(candidate, (8, 8, 1), 10, configured().search_space)


def knowing(*numbers: int, fault: str = "") -> Novelty:
    """Return what has heard of the candidates of so many filters."""
    novelty = Novelty()
    for number in numbers:
        outcome = evaluations.outcome(evaluations.task(number, number), fault=fault)
        novelty.learn(evaluations.candidate(number, number), outcome)
    return novelty


def test_a_known_network_is_refused_and_another_one_is_built() -> None:
    draw = knowing(16).building(build, count=2)
    with pytest.raises(Infeasible, match="the run knows network") as refused:
        draw(evaluations.candidate(7, filters=16))  # of another id, but the same network
    assert refused.value.limit == "known"
    assert draw(evaluations.candidate(8, filters=24)) == build(evaluations.candidate(8, filters=24))


def test_what_was_drawn_just_now_is_refused_too() -> None:
    draw = Novelty().building(build, count=2)
    draw(evaluations.candidate(0, filters=16))
    with pytest.raises(Infeasible):
        draw(evaluations.candidate(1, filters=16))


def test_a_space_that_holds_no_other_network_gives_the_known_one() -> None:
    draw = knowing(16).building(build, count=2)
    for _ in range(2 * PASSES):
        with pytest.raises(Infeasible):
            draw(evaluations.candidate(0, filters=16))
    assert draw(evaluations.candidate(0, filters=16)).hash()


def test_what_a_machine_spoilt_may_be_tried_again() -> None:
    assert knowing(16, fault="machine").building(build, 1)(evaluations.candidate(0, filters=16))


def test_other_settings_of_training_make_another_evaluation() -> None:
    plain = evaluations.candidate(0, filters=16)
    trained = plain.blueprint._replace(training=Hyperparameters(learning_rate=0.01))
    other = Candidate(id=1, generation=0, blueprint=trained, modules=plain.modules)
    assert knowing(16).building(build, 1)(other)


def test_a_search_repeats_less_where_it_avoids_that(tmp_path: Path) -> None:
    options = {"generations": 4, "candidates": 12, "modules": 4, "retain_modules": 1.0}
    search(tmp_path / "avoiding", configured(**options))
    search(tmp_path / "not", configured(**options, avoid_repeats=False))
    assert repetitions(tmp_path / "avoiding") < repetitions(tmp_path / "not")


def repetitions(run_dir: Path) -> int:
    """Return how many evaluations of a run are of a network that it had."""
    generations = store.read_run(run_dir).generations
    drawn = [outcome.network_hash for g in generations for outcome in g.outcomes]
    return len(drawn) - len(set(drawn))


def test_after_a_stop_the_same_networks_are_known(tmp_path: Path) -> None:
    config = configured(generations=4, retain_modules=0.9)
    search(tmp_path / "whole", config)
    search(tmp_path / "stopped", config)
    for number in (2, 3):
        directory.generation_path(tmp_path / "stopped", number).unlink()
    (tmp_path / "stopped" / directory.FINAL).unlink()
    (tmp_path / "stopped" / directory.JOURNAL).unlink(missing_ok=True)
    search(tmp_path / "stopped", config)
    assert history(tmp_path / "stopped") == history(tmp_path / "whole")
